"""Publish feedback from a product's backend; LABELWRIGHT_DSN says where it goes."""

import labelwright

SAID = (
    ("The price is wrong, on my invoice it is 14.50", False),
    ("I asked about my refund and got a text about roaming", False),
    ("Why does it talk to me like to a child", False),
    ("Thanks, solved", True),
)

for number, (comment, up) in enumerate(SAID):
    answer = labelwright.response(
        id=f"resp_{number}", prompt="How much is the Basic plan?", text="It is 12 a month.", model="acme/m-4"
    )
    event = labelwright.thumb(up, subject=answer, comment=comment, user=f"u_{number}")
    print(event)  # the id: `labelwright trace <id>` tells what became of it

labelwright.flush()
print(labelwright.stats())
