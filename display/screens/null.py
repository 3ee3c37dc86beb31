"""A presenter without a screen: the picture is composed and can be looked at over HTTP, and that is all."""

from display.canvas import Canvas


class NullPresenter:
    """Shows nothing."""

    def open(self, width: int, height: int) -> None:
        pass

    def present(self, canvas: Canvas) -> None:
        pass

    def close(self) -> None:
        pass
