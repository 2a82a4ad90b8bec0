"""What the demo's users say about a support assistant with known defects: patterns with blanks, and what fills them."""

from typing import Final

LABELS: Final = {
    "wrong_fact": "The answer states something that is not so: a price, a date, a rule, a number.",
    "not_helpful": "Nothing in it is false, but it doesn't solve the user's problem.",
    "tone": "The way it is said is at fault: rude, cold, preachy, too familiar.",
    "unsafe": "Following it could harm somebody, or it gives away what it should keep.",
    "fine": "The answer was good; the user says so or asks for nothing else.",
}

FILL: Final = {
    "product": ["the Basic plan", "the Pro plan", "the family tariff", "the travel card", "the annual ticket",
                "the roaming pack", "the student plan", "the gift card", "the insurance add-on", "the night tariff"],
    "price": ["9.99", "12", "14.50", "19", "24.90", "29", "49", "79.00", "120", "199"],
    "other": ["8.99", "11", "15.50", "21", "26.90", "31", "45", "82.00", "130", "189"],
    "place": ["Berlin", "Lyon", "Porto", "Graz", "Leeds", "Turin", "Utrecht", "Bilbao", "Gdansk", "Malmö"],
    "thing": ["invoice", "refund", "password", "delivery", "booking", "SIM card", "subscription", "receipt",
              "address change", "cancellation"],
    "time": ["two days", "a week", "ten minutes", "a month", "three hours", "half a year"],
    "day": ["Monday", "Tuesday", "Friday", "Saturday", "Sunday", "a public holiday"],
}  # fmt: skip

SAID: Final = {
    "wrong_fact": [
        "It said {product} costs {price} but on the invoice it is {other}",
        "The opening hours for {place} are wrong, the shop is closed on {day}",
        "It told me the {thing} takes {time}, support says that was never true",
        "There is no {product} in {place}, the bot made it up",
        "Told me I can still cancel {product} after {time}, the contract says otherwise",
        "The number for the {thing} desk in {place} belongs to somebody else",
        "Claims that {product} includes a {thing}, it does not",
        "It quoted {price} for {product}, yesterday I paid {other}",
        "The rule about the {thing} on {day} is outdated since spring",
        "According to the answer {place} is covered by {product}. It isn't.",
    ],
    "not_helpful": [
        "I asked about my {thing} and got a paragraph about {product}",
        "It keeps asking me to restart, my {thing} is still missing after {time}",
        "Long answer, no solution for the {thing}",
        "Sends me in circles between {place} and the {thing} page",
        "I wanted to know how to end {product}, it explained how to buy it",
        "Third time I ask about the {thing} and it just repeats itself",
        "It says contact support. I am already talking to support about my {thing}!",
        "Did not understand that the {thing} was for {place}",
        "Only general tips, nothing about my {thing} on {day}",
        "The link for the {thing} leads to a page I cannot use with {product}",
    ],
    "tone": [
        "Why does it call me buddy when my {thing} is gone",
        "It lectured me about reading the terms of {product}",
        "Correct about the {thing} but so arrogant",
        "Answering a complaint about {place} with three smileys is not ok",
        "It told me to calm down. I only asked for my {thing}",
        "Sounds like it blames me for the lost {thing}",
        "Cold and bossy answer about {product}",
        "I lost my father and it congratulated me on {product}",
        "Talks to me like to a child because of one {thing}",
        "Sarcastic remark about {place}, really?",
    ],
    "unsafe": [
        "It showed me the {thing} of another customer in {place}",
        "Told me to send my card number by mail for the {thing}",
        "It explained how to get into somebody else's {product} account",
        "Advised me to switch off the smoke alarm while waiting for the {thing}",
        "The bot asked for my full password to fix the {thing}",
        "It gave me the home address of the driver for {place}",
        "Said I should take twice the dose until the {thing} arrives",
        "Recommended to drive on with the warning light on to {place}",
        "It told my child how to order {product} without asking me",
        "Gave me a link for the {thing} that my browser calls a phishing site",
    ],
    "fine": [
        "Thanks, the {thing} is solved",
        "Great answer about {product}, exactly what I needed",
        "Quick help with my {thing} in {place}, well done",
        "It found the {thing} within seconds",
        "Good explanation of {product}, even my mother got it",
        "Works now, {time} earlier than expected",
        "Polite and correct about {place}",
        "Just testing the feedback button, the {thing} answer was ok",
        "I had doubts about {product}, the answer cleared them up",
        "All good, the {thing} came on {day}",
    ],
}  # fmt: skip

SIGNATURES: Final = [
    "", "", "", "", "", "",
    " Write to anna.keller@example.com",
    " Call me at +49 30 901820",
    " My card is 4111 1111 1111 1111",
    " IBAN DE89 3704 0044 0532 0130 00",
    " I was on 203.0.113.7",
]  # fmt: skip
"""Personal data as users add them: reserved numbers and documentation addresses, with right check digits."""

GOLD: Final = {
    "wrong_fact": [
        "The answer says the summer sale ends in May, the banner says June",
        "It says there is free shipping above 20, the checkout wants 40",
        "The bot named the wrong train station for the airport bus",
        "It claims the warranty lasts three years, the leaflet says two",
        "Your assistant told me the museum is free, it never was",
    ],
    "not_helpful": [
        "I asked for the form, it described what a form is",
        "Useless: it only repeated my own question",
        "It gave me ten links and none was about luggage",
        "No answer to what I asked, just advertising",
        "It sent me to a menu that my app doesn't have",
    ],
    "tone": [
        "It mocked my spelling",
        "Please stop answering sad news with exclamation marks",
        "Very condescending, as if I were stupid",
        "It scolded me for asking twice",
        "The reply was right but rude",
    ],
    "unsafe": [
        "It told me which pills to mix to sleep better",
        "It read me a stranger's order with name and street",
        "It asked me to turn off the firewall for good",
        "The bot suggested climbing out on the roof to fix the antenna",
    ],
    "fine": [
        "Perfect, that was all I wanted to know",
        "Fast and friendly, thank you",
        "Nice work, the voucher arrived",
        "Everything clear now",
        "Helpful answer, problem gone",
    ],
}

RULES: Final = [
    (
        "price-differs",
        "wrong_fact",
        r"(?i)(said|quoted|claims|told me).*(costs|for|includes).*(but|yesterday|does not)",
    ),
    ("made-up", "wrong_fact", r"(?i)\b(made it up|outdated|opening hours)\b"),
    ("repeats", "not_helpful", r"(?i)\b(repeats itself|in circles|no solution|general tips)\b"),
    ("manners", "tone", r"(?i)\b(arrogant|bossy|lectured|sarcastic|calm down|smileys)\b"),
    ("secrets", "unsafe", r"(?i)\b(password|card number|another customer|home address)\b"),
    ("praise", "fine", r"(?i)^(thanks|great|good|quick help|all good|works now)\b"),
    ("long", "not_helpful", r"(?i)\blong answer\b"),
    ("solved", "fine", r"(?i)\bis solved\b"),
]
"""Right mostly: a lost password that nobody asked for, or thanks for nothing, mislead them."""
