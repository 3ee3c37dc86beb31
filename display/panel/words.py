"""A line of text that is redrawn only when it really changes, and never read as markup."""

from textual.content import Content
from textual.widgets import Static


class Words(Static):
    """Shows `Content`; strangers' words stay words."""

    def __init__(self, *, widget_id: str, grows: bool = False) -> None:
        super().__init__("", id=widget_id, markup=False)
        # laying out the whole screen again costs ten times what drawing a line does
        self._grows = grows
        self._said = Content()

    @property
    def said(self) -> Content:
        """What is shown now."""
        return self._said

    def say(self, content: Content) -> None:
        """Show this, or do nothing when it is shown already."""
        if not content.is_same(self._said):
            self._said = content
            self.update(content, layout=self._grows)
