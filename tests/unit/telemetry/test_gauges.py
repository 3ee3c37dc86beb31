from appliance.telemetry.gauges import GaugeReader, clock_sync, machine
from appliance.telemetry.protocol.payloads import ClockSync, Gauges


def a_machine(tmp_path, stat):
    proc, sys = tmp_path / "proc", tmp_path / "sys"
    for zone, temp in (("thermal_zone0", "41000"), ("thermal_zone1", "55500")):
        (sys / "class/thermal" / zone).mkdir(parents=True, exist_ok=True)
        (sys / "class/thermal" / zone / "temp").write_text(f"{temp}\n")
    proc.mkdir(exist_ok=True)
    (proc / "stat").write_text(f"cpu  {stat}\ncpu0 1 2 3\n")
    (proc / "meminfo").write_text("MemTotal: 4096000 kB\nMemFree: 1 kB\nMemAvailable: 2048000 kB\nHuge: x\n")
    (proc / "loadavg").write_text("0.25 0.2 0.1 1/99 5\n")
    (proc / "uptime").write_text("1234.5 99.0\n")
    return proc, sys


def test_gauges_are_read_and_cpu_is_counted_between_two_readings(tmp_path):
    proc, sys = a_machine(tmp_path, "100 0 100 700 100 0 0 0 0 0")
    reader = GaugeReader(tmp_path, proc=proc, sys=sys)
    first = reader.read()
    a_machine(tmp_path, "120 0 110 760 110 0 0 0 0 0")
    second = reader.read()
    assert first.cpu is None
    assert second.cpu == 0.3
    assert (second.load1, second.mem_total_mb, second.mem_available_mb) == (0.25, 4000, 2000)
    assert (second.temp_c, second.uptime_s) == (55.5, 1234)
    assert second.disk_free_mb > 0


def test_what_cannot_be_read_is_none(tmp_path):
    nothing = tmp_path / "nothing"
    assert GaugeReader(nothing, proc=nothing, sys=nothing).read() == Gauges()


def test_nonsense_is_none(tmp_path):
    proc, sys = a_machine(tmp_path, "a b c d e f")
    (proc / "loadavg").write_text("")
    (proc / "uptime").write_text("soon")
    gauges = GaugeReader(tmp_path, proc=proc, sys=sys).read()
    assert (gauges.cpu, gauges.load1, gauges.uptime_s) == (None, None, None)


def test_this_machine_can_be_read(tmp_path):
    reader = GaugeReader(tmp_path)
    assert reader.read().mem_total_mb > 0
    assert reader.read().uptime_s > 0
    assert machine("1.2").sw == "1.2"


def test_the_clock_is_believed_only_when_the_time_service_says_so(tmp_path):
    assert clock_sync(tmp_path) is ClockSync.UNKNOWN
    (tmp_path / "systemd/timesync").mkdir(parents=True)
    assert clock_sync(tmp_path) is ClockSync.NO
    (tmp_path / "systemd/timesync/synchronized").touch()
    assert clock_sync(tmp_path) is ClockSync.YES
