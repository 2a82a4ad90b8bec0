"""The ledger: every event that ever was, in files that can't change unseen; and the datasets that are cut from it."""

from labelwright.ledger.audit import Report
from labelwright.ledger.files import Row
from labelwright.ledger.ledger import Ledger
from labelwright.ledger.manifest import Commit
from labelwright.ledger.store import Store

__all__ = ["Commit", "Ledger", "Report", "Row", "Store"]
