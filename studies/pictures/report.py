"""What the measurements say of pictures that people bring: a block of the README."""

from studies.evidence import Evidence
from studies.figures import Drawings
from studies.pictures import doubt


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return nothing: the study has no notebook."""
    return {}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the block of the README: name of the marker -> Markdown."""
    return {"doubt": doubt.sentence(evidence.timing("doubt"))}


def figures(evidence: Evidence) -> Drawings:
    """Return nothing: the study has no figures."""
    return {}
