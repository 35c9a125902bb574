"""What is documented elsewhere than where it is decided: checks, the schema of policies, tables of reference pages.

``python -m imagegate.docs --write`` writes what is generated, ``--check`` ends with 1 where some of it has drifted.
What ``imagegate checks ID`` prints comes from here, too. In a clone, which has the tests of the checks, the generated
parts of the documentation site (``docs/``) are written as well, with examples that are really judged.
"""

from imagegate.docs.check_text import explain, index
from imagegate.docs.generate import drifted, generated, main, schema, write

__all__ = ["drifted", "explain", "generated", "index", "main", "schema", "write"]
