"""Field errors: what Slack shows in a form that stays open, below the fields whose values can't be used."""

from collections.abc import Mapping
from typing import Any

from bots.slack.parse import Raw

LONGEST = 500  # characters of an error


def build_field_errors(view: Raw, faults: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a submission. What is no single field's fault stands below the first one."""
    fields = [str(block["block_id"]) for block in view["blocks"] if block.get("type") == "input"]
    errors = {name if name in fields else fields[0]: words.replace("`", "")[:LONGEST] for name, words in faults.items()}
    return {"response_action": "errors", "errors": errors}
