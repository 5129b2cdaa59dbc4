import Alerts
import Observations
import Testing

@Suite struct `An acknowledgement` {
  private static let levels: [(LadderStep, Double)] = [(.caution, 3), (.danger, 4)]

  private func raised() throws -> (run: StationRun, id: String) {
    var run = StationRun(TestSite.riverOnly(Self.levels, staleAfter: nil))
    run.tell(.reading("river-1", .metres(3.2)), at: 10)
    return (run, try #require(run.alerts.last?.id))
  }

  private func acknowledge(_ id: String, until: Double) -> StationInput {
    .asked(.acknowledge(.id(id), until: StationRun.moment(until).wall))
  }

  @Test func `is an update that says who, when and until when, and stays with those that follow`() throws {
    var (run, id) = try raised()
    let effects = run.tell(acknowledge(id, until: 9000), at: 20)
    #expect(effects.answers == [CommandAnswer(command: "c-1", result: .done)])
    #expect(effects.alerts.map(\.short) == ["update caution acknowledged"])
    let known = Alert.Acknowledgement(
      authority: "bousai-2026", at: StationRun.moment(20).wall, until: StationRun.moment(9000).wall)
    #expect(effects.alerts.last?.acknowledged == known)
    #expect(effects.alerts.last?.observed?.value == .metres(3.2))
    run.tell(.timePasses, at: 7000)
    #expect(run.alerts.last?.short == "update caution renewed")
    #expect(run.alerts.last?.acknowledged == known)
    #expect(run.station.activeAlerts.map(\.acknowledged) == [known])
  }

  @Test func `says what the alert was found to be, in the message and in a recording`() throws {
    var (run, id) = try raised()
    let command = Command(
      id: "c-1", authority: "bousai-2026",
      action: .acknowledge(.id(id), until: StationRun.moment(9000).wall, cause: "false_alarm"))
    #expect(
      run.station.recorded(command).action
        == .acknowledge(
          .source("river-1", .waterLevel, .actual), until: StationRun.moment(9000).wall, cause: "false_alarm"))
    run.tell(.command(command), at: 20)
    let told = try #require(run.alerts.last)
    #expect(told.acknowledged?.cause == "false_alarm")
    let text = String(decoding: Samples.formats.alert(told), as: UTF8.self)
    #expect(text.contains(#""cause":"false_alarm"}"#))
    run.tell(acknowledge(id, until: 9000), at: 30)
    #expect(!String(decoding: Samples.formats.alert(try #require(run.alerts.last)), as: UTF8.self).contains("cause"))
  }

  @Test func `is void by a rise, not by a fall, and over at its end`() throws {
    var (run, id) = try raised()
    run.tell(acknowledge(id, until: 5000), at: 20)
    run.tell(.reading("river-1", .metres(4.2)), at: 30)
    #expect(run.alerts.last?.short == "update danger step")
    #expect(run.alerts.last?.acknowledged == nil)
    run.tell(.timePasses, at: 5000)
    #expect(run.alerts.last?.short == "update danger step")
    run.tell(acknowledge(id, until: 5200), at: 5010)
    run.tell(.reading("river-1", .metres(3.2)), at: 5020)
    #expect(run.alerts.last?.short == "update caution step")
    #expect(run.alerts.last?.acknowledged != nil)
    run.tell(.timePasses, at: 6000)
    #expect(run.alerts.last?.short == "update caution acknowledgement_over")
    #expect(run.alerts.last?.acknowledged == nil)
    #expect(run.alerts.last.map { StationRun.second($0.detected) } == 5200)
  }

  @Test func `changes nothing of what is raised and cleared`() throws {
    var (run, id) = try raised()
    run.tell(acknowledge(id, until: 5000), at: 20)
    run.tell(.reading("river-1", .metres(2)), at: 30)
    #expect(run.alerts.last?.short == "clear caution released")
    run.tell(.timePasses, at: 6000)
    #expect(run.alerts.count == 3)
  }

  @Test(arguments: [3600, -3600] as [Double])
  func `ends by the monotonic clock, whatever becomes of the wall clock`(step: Double) throws {
    var (run, id) = try raised()
    run.tell(acknowledge(id, until: 1000), at: 20)
    func stepped(_ second: Double) -> Moment {
      let moment = StationRun.moment(second)
      return Moment(
        monotonic: moment.monotonic, wall: StationRun.moment(second + step).wall, clock: .synchronized)
    }
    run.tell(.reading("river-1", .metres(3.2)), at: stepped(500))
    run.tell(.timePasses, at: stepped(999))
    #expect(run.alerts.count == 2)
    run.tell(.timePasses, at: stepped(1000))
    #expect(run.alerts.last?.short == "update caution acknowledgement_over")
  }

  @Test func `is refused for what is not active, and when it has no sensible end`() throws {
    var (run, id) = try raised()
    for (input, refusal) in [
      (acknowledge("g/none", until: 100), CommandRefusal.unknownAlert), (acknowledge(id, until: 20), .over),
      (acknowledge(id, until: 20 + 86_400 + 61), .tooLong),
      (
        .asked(.acknowledge(.source("river-1", .waterLevel, .exercise), until: StationRun.moment(100).wall)),
        .unknownAlert
      ),
    ] {
      let effects = run.tell(input, at: 20)
      #expect(effects.answers.map(\.result) == [.refused(refusal)])
      #expect(effects.alerts.isEmpty && effects.saves.isEmpty)
    }
  }

  @Test func `is recorded by what the alert is about`() throws {
    let (run, id) = try raised()
    let until = StationRun.moment(100).wall
    let command = Command(id: "c-1", authority: "a", action: .acknowledge(.id(id), until: until))
    #expect(
      run.station.recorded(command).action == .acknowledge(.source("river-1", .waterLevel, .actual), until: until))
    let stranger = Command(id: "c-1", authority: "a", action: .acknowledge(.id("g/none"), until: until))
    #expect(run.station.recorded(stranger) == stranger)
  }
}
