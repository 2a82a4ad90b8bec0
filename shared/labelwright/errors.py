"""Every error that Labelwright raises, as a tree.

LabelwrightError
├── SettingsError         a setting is missing or out of bounds; all faults of a start are told together
├── ContractError         bytes, a payload or a project file do not keep their contract
├── ServerError
│   ├── ServerUnfit       the server is not configured to keep data (eviction, no append-only file, too old)
│   └── ServerRefuses     the server is there but refuses for now (OOM, READONLY, LOADING, …): back off and try again
├── PlanError             the server found a commit plan malformed; nothing was written
├── BreakerOpen           too many events could not be decided; the service stopped, lest all go to `dead`
└── LedgerError           the ledger on disk is not what its manifest says
"""


class LabelwrightError(Exception):
    """What Labelwright raises on purpose; its message is one sentence that ends in what to do."""

    exit_code = 1


class SettingsError(LabelwrightError):
    """A setting is missing or out of bounds."""

    exit_code = 2


class ContractError(LabelwrightError):
    """Something that came in does not keep its contract; `code` is short, bounded and counted."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ServerError(LabelwrightError):
    """Redis or Valkey can't be used as it is."""


class ServerUnfit(ServerError):
    """The server is configured so that data could be lost; nothing was started."""

    exit_code = 4


class ServerRefuses(ServerError):
    """The server refuses for now; the caller backs off and tries again."""

    exit_code = 3


class PlanError(LabelwrightError):
    """A commit plan is malformed; the server wrote nothing."""


class BreakerOpen(LabelwrightError):
    """Too many events could not be decided; the service stopped."""


class LedgerError(LabelwrightError):
    """The ledger on disk is not what its manifest says."""
