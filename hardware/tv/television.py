"""The TV at one connector: asks for its power and switches it, by CEC where there is a line, else by the picture."""

from dataclasses import dataclass

from hardware.ports import DeviceError, DeviceMissing
from hardware.tv.cec import Adapter, Cec, Fate
from hardware.tv.connector import Connector
from hardware.tv.dpms import SwayOutputs
from hardware.tv.power import CEC_METHODS, Method, Power


@dataclass(frozen=True, slots=True)
class Ways:
    """What can be done to the TV at the moment, and why not more."""

    cec: Adapter | None = None
    output: Power = Power.UNKNOWN
    """Whether the compositor sends a picture; unknown where it has no say."""
    trouble: str = ""
    """Why a way that is there cannot be taken."""

    @property
    def none(self) -> bool:
        """Whether the TV cannot be switched from here: no CEC line to it, and no compositor that owns its picture."""
        return self.cec is None and self.output is Power.UNKNOWN

    def methods(self, want: Power) -> tuple[Method, ...]:
        """Return the methods that bring the TV to `want`, the likeliest first."""
        cec = CEC_METHODS[want] if self.cec is not None else ()
        return cec if self.output in {Power.UNKNOWN, want} else (*cec, Method.DPMS)


class TvSet:
    """Drives the TV. Each call ends within bounded time; trouble is a `DeviceError` or said in `Ways.trouble`."""

    def __init__(self, cec: Cec | None, outputs: SwayOutputs | None) -> None:
        """Without `cec` or `outputs` that way is never taken."""
        self._cec = cec
        self._outputs = outputs

    async def ways(self, connector: Connector | None) -> Ways:
        """Find out what can be done."""
        troubles: list[str] = []
        adapter, output = None, Power.UNKNOWN
        if self._cec is not None:
            try:
                adapter = await self._cec.find(connector)
            except DeviceError as err:
                troubles.append(str(err))
        if self._outputs is not None and connector is not None:
            try:
                output = await self._outputs.power(connector.output)
            except DeviceMissing:
                output = Power.UNKNOWN  # no sway is how most rooms are
            except DeviceError as err:
                troubles.append(str(err))
        return Ways(adapter, output, "; ".join(troubles))

    async def power(self, ways: Ways) -> Power:
        """Return what is known of the TV's power: without a picture it is off, whatever it says itself."""
        if ways.output is Power.OFF:
            return Power.OFF
        if self._cec is None or ways.cec is None:
            return ways.output
        return await self._cec.power(ways.cec)

    async def use(self, method: Method, want: Power, connector: Connector | None, ways: Ways) -> bool:
        """Try one method; return whether anybody heard it."""
        if want is Power.ON and ways.output is Power.OFF and method is not Method.DPMS:
            await self._switch(connector, on=True)
        if method is Method.DPMS:
            await self._switch(connector, on=want is Power.ON)
            return True
        if self._cec is None or ways.cec is None:
            return False
        return await self._cec.use(method, ways.cec) is Fate.HEARD

    async def show(self, ways: Ways) -> None:
        """Ask the TV for our input, where it can be asked."""
        if self._cec is not None and ways.cec is not None:
            await self._cec.show(ways.cec)

    async def _switch(self, connector: Connector | None, *, on: bool) -> None:
        if self._outputs is not None and connector is not None:
            await self._outputs.switch(connector.output, on=on)
