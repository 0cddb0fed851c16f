"""The durable record of every order intent, order event and fill.

`Journal` belongs to the one proxy that writes; `Reader` reads the same file from anywhere, at any time. What is old
goes into archives, one for each month, which are journals, too; `Library` reads all as one. Bodies are opaque here;
what is sent when, and what a record means for a script, is the services' to say.
"""

from ibmux.journal.keeping import keep as keep
from ibmux.journal.ledger import FINISHED as FINISHED
from ibmux.journal.ledger import Standing as Standing
from ibmux.journal.library import Library as Library
from ibmux.journal.library import Summary as Summary
from ibmux.journal.library import summaries as summaries
from ibmux.journal.months import archives as archives
from ibmux.journal.months import end_of as end_of
from ibmux.journal.reading import TOLD as TOLD
from ibmux.journal.reading import Filter as Filter
from ibmux.journal.reading import Reader as Reader
from ibmux.journal.records import Kind as Kind
from ibmux.journal.records import Record as Record
from ibmux.journal.records import Stored as Stored
from ibmux.journal.store import Journal as Journal
from ibmux.journal.verifying import Verdict as Verdict
from ibmux.journal.verifying import verify as verify
