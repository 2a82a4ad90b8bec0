"""Label from a terminal: pull a task, type the number of a label, again; an annotator is whoever speaks this much HTTP.

LABELWRIGHT_URL is the gateway, LABELWRIGHT_KEY an annotator's key, LABELWRIGHT_PROJECT the project.
"""

import json
import os
import sys
import urllib.request
from typing import Any

URL, KEY = os.environ.get("LABELWRIGHT_URL", "http://127.0.0.1:7071"), os.environ["LABELWRIGHT_KEY"]
PROJECT = os.environ.get("LABELWRIGHT_PROJECT", "support")


def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Return the answer's JSON; None where it has none."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode() if body else None, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def main() -> None:
    """Label until there is nothing left or the input ends."""
    project = call("GET", f"/v1/projects/{PROJECT}")
    guideline = project["file"]["guideline"] if project else {}
    labels = [label["name"] for label in guideline["labels"]]
    complaints = ["factually_wrong", "not_what_i_wanted", "unsafe", "other"]
    while task := call("POST", f"/v1/projects/{PROJECT}/assignments", {"wait_s": 5}):
        question, answers = guideline["question"], labels
        if task["asks"] == "complaint":
            question, answers = "What does this complaint mean?", complaints
        held = {"token": task["token"]}
        call("POST", f"/v1/assignments/{task['assignment']}/heartbeat", held)  # we are here: the lease lasts longer now
        print(f"\n{task['text']}\n{question}")
        print("   ".join(f"{number} {label}" for number, label in enumerate(answers, 1)), end="   > ", flush=True)
        typed = sys.stdin.readline().strip()
        if typed.isdigit() and 1 <= int(typed) <= len(answers):
            call("POST", f"/v1/assignments/{task['assignment']}/annotation", held | {"label": answers[int(typed) - 1]})
        else:
            call("POST", f"/v1/assignments/{task['assignment']}/release", held)  # somebody else gets it
        if not typed:
            break
    print("\nnothing left to label just now")


if __name__ == "__main__":
    main()
