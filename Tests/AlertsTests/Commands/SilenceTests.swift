import Alerts
import Observations
import Testing

@Suite struct `Silence` {
  private func river(_ run: inout StationRun, _ seconds: ClosedRange<Int>, _ level: Double) {
    for second in stride(from: seconds.lowerBound, through: seconds.upperBound, by: 10) {
      run.tell(.reading("river-1", .metres(level)), at: Double(second))
    }
  }

  private func changes(_ run: StationRun, _ output: OutputID = "siren") -> [String] {
    run.outputs.filter { $0.output == output }.map {
      "\($0.on ? "on" : "off") \($0.cause) \(Int(StationRun.second($0.at)))"
    }
  }

  private func silence(_ output: OutputID?, until: Double?) -> StationInput {
    .asked(.silence(output, until: until.map { StationRun.moment($0).wall }))
  }

  /// The siren sounds from second 20 on.
  private func sounding() -> StationRun {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...50, 4.5)
    return run
  }

  @Test func `is at once, says until when, and is for one output or for all`() {
    var one = sounding()
    one.tell(silence("siren", until: 1000), at: 60)
    #expect(changes(one).last == "off silenced 60")
    #expect(changes(one, "lamp").last == "on alert 20")
    #expect(one.outputs.last?.silencedUntil.map(StationRun.second) == 1000)
    var all = sounding()
    all.tell(silence(nil, until: 1000), at: 60)
    #expect(changes(all).last == "off silenced 60" && changes(all, "lamp").last == "off silenced 60")
  }

  @Test func `is ended by a risen step, which sounds`() {
    var run = sounding()
    run.tell(silence(nil, until: 4000), at: 60)
    river(&run, 70...200, 4.6)
    #expect(changes(run).last == "off silenced 60")
    river(&run, 210...240, 5.5)
    #expect(changes(run).last == "on alert 230")
    #expect(run.outputs.last { $0.output == "siren" }?.silencedUntil == nil)
  }

  @Test func `is ended before its time by a command, and the danger sounds again`() {
    var run = sounding()
    run.tell(silence("siren", until: 4000), at: 60)
    run.tell(silence("siren", until: nil), at: 100)
    #expect(changes(run).suffix(2) == ["off silenced 60", "on alert 100"])
    run.tell(silence("siren", until: nil), at: 110)
    run.tell(silence("none", until: 1000), at: 110)
    #expect(run.answers.map(\.result) == [.done, .done, .refused(.nothingToEnd), .refused(.unknownOutput)])
  }

  @Test func `does not sound again what had its longest time`() {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...300, 4.5)
    #expect(changes(run).last == "off max_on 200")
    run.tell(silence("siren", until: 2000), at: 305)
    river(&run, 310...4000, 4.5)
    #expect(
      changes(run) == ["off start 0", "on alert 20", "off max_on 200", "off silenced 305", "off silence_over 2000"])
  }

  @Test func `is no reason to sound where nothing holds`() {
    var run = StationRun(TestSite.plan)
    run.tell(silence(nil, until: 100), at: 10)
    run.tell(.timePasses, at: 200)
    #expect(changes(run) == ["off start 0", "off silenced 10", "off silence_over 100"])
    #expect(run.outputs.last?.silencedUntil == nil)
  }

  @Test func `goes on after a restart, and not after a reboot without a clock`() {
    var run = sounding()
    run.tell(silence(nil, until: 1000), at: 60)
    let next = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(100),
      sameBoot: true)
    #expect(changes(next) == ["off start 100"])
    #expect(next.outputs.last?.silencedUntil.map(StationRun.second) == 1000)
    let boot = Moment(
      monotonic: MonotonicTime(nanoseconds: 5_000_000_000), wall: WallTime(milliseconds: 1000), clock: .unsynchronized)
    let dark = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: boot, sameBoot: false)
    #expect(dark.outputs.last { $0.output == "siren" }.map { $0.on && $0.cause == "alert" } == true)
  }
}
