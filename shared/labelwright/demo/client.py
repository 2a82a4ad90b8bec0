"""An annotator's HTTP client: pull the next task, answer it, give it back; over one kept connection."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from labelwright.demo.annotators import Annotator
from labelwright.errors import LabelwrightError


class WorkClient:
    """Works as one annotator against the gateway's work API."""

    def __init__(self, gateway: str, key: str, project: str, who: Annotator) -> None:
        self.who = who
        self._connection = http.client.HTTPConnection(urlsplit(gateway).netloc, timeout=40)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._project = project

    def next_task(self, wait_s: float) -> dict[str, Any] | None:
        """Lease the next task, waiting for one; None if there is none."""
        return self._post(f"/v1/projects/{self._project}/assignments", {"wait_s": wait_s})

    def annotate(self, task: dict[str, Any], label: str) -> None:
        """Answer a task."""
        self._post(f"/v1/assignments/{task['assignment']}/annotation", {"token": task["token"], "label": label})

    def release(self, task: dict[str, Any]) -> None:
        """Give a task back."""
        self._post(f"/v1/assignments/{task['assignment']}/release", {"token": task["token"]})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            self._connection.request("POST", path, json.dumps(body), self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise LabelwrightError(f"the gateway did not answer ({type(error).__name__}); is it running?") from None
        if answer.status >= 400:
            raise LabelwrightError(f"{path} answered {answer.status}: {json.loads(content).get('detail')}")
        return json.loads(content) if content else None
