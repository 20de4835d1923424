"""Modbus RTU slaves: a real pymodbus serial server on a pseudo-terminal.

Protocol: Modbus over Serial Line, Specification and Implementation Guide V1.02, 2006. Register
maps are data, in `registers.py`.

A float32 register can't hold every W.h of a large kWh index; the ledger books the value that the
register really shows, rounded half up to the exponent of its quantity.
Further faults: ``crc`` damages every answer of the instant (booked ``checksum``), ``nan`` turns
channel number `amount` of a float map into NaN (booked ``not_finite``). ``silence`` leaves every
request of the instant unanswered.
"""

import asyncio
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_hil.peers.pty import Line
from cobenefit_hil.peers.registers import SDM120, Register, RegisterMap
from cobenefit_wire import quality

REGISTERS = 0x0200
NAN = 0x7FC0
STOP_S = 5


def float_words(value: float) -> tuple[int, int]:
    """Return a float32 as two registers, high word first.

    Parameters
    ----------
    value : float
        Any finite value. [register's own unit]

    Returns
    -------
    tuple of int
        Two 16-bit words. [1]
    """
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return high, low


def as_shown(value: int, per_unit: int) -> int:
    """Return the integer a node reads back from a float32 register.

    Parameters
    ----------
    value : int
        Wire integer. [channel's own unit]
    per_unit : int
        Wire integers per unit of the register, > 0. [1]

    Returns
    -------
    int
        Nearest wire integer to the float32, halves up. [channel's own unit]

    Notes
    -----
    Exact: 24 bits of significand times a factor below 2^28 fit the 53 bits of a double.
    """
    single: float = struct.unpack(">f", struct.pack(">f", value / per_unit))[0]
    return math.floor(single * per_unit + 0.5)


class ModbusPeer(Peer):
    """One slave on its own line; the node is the master."""

    kinds = (*Peer.kinds, "crc", "nan")

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
        *,
        register_map: RegisterMap = SDM120,
        unit: int = 1,
    ) -> None:
        self.map = register_map
        shown = {row.channel: self._shown(row, values[row.channel]) for row in self.map.registers}
        super().__init__(device, directory, t_ms, shown, faults)
        self.counters = tuple(name for name in shown if name.startswith("energy_"))
        self.unit = unit
        self._words = [0] * REGISTERS
        self._fault_kind = ""
        self._bus = Line(directory / f"{device}.bus")
        self._loop = asyncio.new_event_loop()
        self._server: ModbusSerialServer | None = None

    def start(self) -> None:
        """Answer the control line and run the Modbus server."""
        self._serve_bus()
        super().start()

    def play(self, interval_s: float) -> None:
        """Run the Modbus server; the world follows the wall clock.

        Parameters
        ----------
        interval_s : float
            Pause between two instants, > 0. [s]
        """
        self._serve_bus()
        super().play(interval_s)

    def stop(self) -> None:
        """End the server, then everything else."""
        if self._server is not None:
            closing = self._server.shutdown()  # type: ignore[no-untyped-call]
            asyncio.run_coroutine_threadsafe(closing, self._loop).result(STOP_S)
        super().stop()
        self._bus.close()

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        words = [0] * REGISTERS
        for row in self.map.registers:
            self._put(words, row, values[row.channel])
        reasons = {}
        self._fault_kind = fault.kind if fault is not None else ""
        if self._fault_kind == "crc":
            reasons = dict.fromkeys(values, quality.NAMES[quality.CHECKSUM])
        if fault is not None and self._fault_kind == "nan":
            row = self.map.registers[fault.amount]
            words[row.address : row.address + 2] = [NAN, 0]
            reasons = {row.channel: quality.NAMES[quality.NOT_FINITE]}
        self._words = words
        return reasons

    def _shown(self, row: Register, column: Sequence[int]) -> list[int]:
        if self.map.encoding == "float32":
            return [as_shown(int(value), row.per_unit) for value in column]
        return [int(value) for value in column]

    def _put(self, words: list[int], row: Register, value: int) -> None:
        if self.map.encoding == "integer":
            for at in range(row.words):  # low word first
                words[row.address + at] = value * row.steps >> 16 * at & 0xFFFF
            return
        for address in (row.address, row.mirror):
            if address is not None:
                words[address : address + 2] = float_words(value / row.per_unit)

    def _serve_bus(self) -> None:
        self._spawn(self._pump, self.sensor, self._bus)
        self._spawn(self._pump, self._bus, self.sensor)
        thread = Thread(target=self._run_server, name=f"{self.device}-modbus", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run_server(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve_until_stopped())
        self._loop.close()

    async def _serve_until_stopped(self) -> None:
        self._server = ModbusSerialServer(
            self._device(),
            framer=FramerType.RTU,
            port=str(self._bus.path),
            trace_packet=self._trace,
        )
        await self._server.serve_forever(background=False)

    def _device(self) -> SimDevice:
        bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        nothing = [SimData(0, datatype=DataType.INVALID)]
        words = [SimData(0, count=REGISTERS, datatype=DataType.REGISTERS)]
        holding, inputs = (words, nothing) if self.map.function == "holding" else (nothing, words)
        return SimDevice(self.unit, (bits, bits, holding, inputs), action=self._fill)

    async def _fill(  # noqa: PLR0917
        self,
        function: int,  # noqa: ARG002
        start: int,
        address: int,
        count: int,
        registers: list[int],
        written: list[int] | list[bool] | None,  # noqa: ARG002
    ) -> ExcCodes | None:
        """Put the present instant into the registers that a request asks for."""
        at = address - start
        registers[at : at + count] = self._words[address : address + count]
        return None

    def _trace(self, sending: bool, packet: bytes) -> bytes:
        """Damage or swallow what the slave sends.

        The library answers for a missing unit with an exception; on a real bus nobody does.
        """
        if sending and (self._fault_kind == "silence" or packet[0] != self.unit):
            return b""
        if sending and self._fault_kind == "crc":
            return packet[:-1] + bytes((packet[-1] ^ 0xFF,))
        return packet

    def _pump(self, source: Line, sink: Line) -> None:
        while not self._stopping.is_set():
            data = source.read()
            if data:
                sink.write(data)
