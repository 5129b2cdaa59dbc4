import Alerts
import Observations
import Testing

@Suite struct `Sensors on one port` {
  static let count = 31

  /// So many gauges on one port, asked every ten seconds.
  static func plan(_ count: Int = count) -> StationPlan {
    StationPlan(
      gateway: "g",
      sensors: (1...count).map { number in
        SensorPlan(
          id: SensorID("gauge-\(number)"), name: "水位計\(number)", quantity: .waterLevel, staleAfter: .seconds(60),
          source: "port:rs485")
      })
  }

  private static func all(
    _ run: inout StationRun, from start: Int, through end: Int, _ input: (SensorID) -> StationInput?
  ) {
    for second in stride(from: start, through: end, by: 10) {
      for number in 1...count {
        guard let input = input(SensorID("gauge-\(number)")) else { continue }
        run.tell(input, at: Double(second) + Double(number) / 10)
      }
    }
  }

  private static func lost(_ run: inout StationRun, at second: Double) {
    for number in 1...count { run.tell(.fault(SensorID("gauge-\(number)"), .portLost), at: second) }
  }

  @Test func `are one alert when it goes away, and one message when all are back`() throws {
    var run = StationRun(Self.plan())
    Self.all(&run, from: 0, through: 100) { .reading($0, .metres(1)) }
    Self.lost(&run, at: 105)
    run.tell(.timePasses, at: 1000)
    #expect(run.alerts.map(\.short) == ["raise blind"])
    let alert = try #require(run.alerts.first)
    #expect(alert.sensor == "port:rs485" && alert.name == "rs485" && alert.fault == .portLost)
    #expect(alert.affected?.count == Self.count && alert.severity == .moderate)
    #expect((1...Self.count).allSatisfy { run.station.declaredFault(of: SensorID("gauge-\($0)")) == .portLost })
    Self.all(&run, from: 1000, through: 1040) { .reading($0, .metres(1)) }
    run.tell(.timePasses, at: 1090)
    #expect(run.alerts.map(\.short) == ["raise blind", "clear blind recovered"])
    #expect(run.station.activeAlerts.isEmpty)
  }

  @Test func `that stay away when it is back have alerts of their own`() throws {
    var run = StationRun(Self.plan())
    Self.all(&run, from: 0, through: 100) { .reading($0, .metres(1)) }
    Self.lost(&run, at: 105)
    run.tell(.timePasses, at: 1000)
    Self.all(&run, from: 1000, through: 1200) {
      $0 == "gauge-7" || $0 == "gauge-9" ? .fault($0, .timeout) : .reading($0, .metres(1))
    }
    #expect(
      run.alerts.map(\.short) == [
        "raise blind", "raise sensor_fault", "raise sensor_fault", "clear blind separated",
      ])
    #expect(run.alerts.dropFirst().prefix(2).map(\.sensor) == ["gauge-7", "gauge-9"])
    #expect(run.alerts.dropFirst().prefix(2).map(\.fault) == [.timeout, .timeout])
    Self.all(&run, from: 1210, through: 1240) { .reading($0, .metres(1)) }
    #expect(run.alerts.suffix(2).map(\.short) == ["clear sensor_fault recovered", "clear sensor_fault recovered"])
    #expect(run.station.activeAlerts.isEmpty)
  }

  @Test func `whose port comes and goes are told of three times, and of that once`() throws {
    var run = StationRun(Self.plan())
    for cycle in 0..<20 {
      Self.all(&run, from: cycle * 300, through: cycle * 300 + 100) { .reading($0, .metres(1)) }
      Self.lost(&run, at: Double(cycle) * 300 + 105)
      run.tell(.timePasses, at: Double(cycle) * 300 + 170)
    }
    let told = run.alerts.filter { $0.reason != "renewed" }
    let once = ["raise blind", "clear blind recovered"]
    #expect(told.map(\.short) == once + once + ["raise blind", "update blind unstable"])
    #expect(told.last?.affected?.count == Self.count)
    #expect(run.station.activeAlerts.count == 1)
    // Stopped in its order and gone on, it ends when the port was there for half an hour; so it does after a power cut.
    for isInOrder in [true, false] {
      let stop = StationRun.moment(6000)
      var next = StationRun(
        Self.plan(), watch: .empty,
        states: isInOrder ? (run.ledger + run.station.snapshot(at: stop)).newest : run.ledger,
        sequences: run.sequences, at: stop, sameBoot: isInOrder)
      Self.all(&next, from: 6010, through: 7700) { .reading($0, .metres(1)) }
      #expect(next.alerts.filter { $0.message != .update }.isEmpty)
      Self.all(&next, from: 7710, through: 7900) { .reading($0, .metres(1)) }
      #expect(next.alerts.filter { $0.reason != "renewed" }.map(\.short) == ["clear blind recovered"])
      #expect(next.station.activeAlerts.isEmpty)
    }
  }

  @Test func `of which some hear nothing yet are named again, without those that are back`() throws {
    var run = StationRun(Self.plan())
    Self.all(&run, from: 0, through: 100) { .reading($0, .metres(1)) }
    Self.lost(&run, at: 105)
    run.tell(.timePasses, at: 1000)
    Self.all(&run, from: 1000, through: 1200) { $0 == "gauge-7" ? nil : .reading($0, .metres(1)) }
    #expect(run.alerts.map(\.short) == ["raise blind", "update blind sensors"])
    #expect(run.alerts.last?.affected == ["gauge-7"])
    // The port goes once more before it was asked: they are told of together again.
    Self.lost(&run, at: 1205)
    run.tell(.timePasses, at: 1400)
    #expect(run.alerts.map(\.short) == ["raise blind", "update blind sensors", "update blind sensors"])
    #expect(run.alerts.last?.affected?.count == Self.count)
  }

  @Test func `are one alert when nobody answers, and another word when the port goes as well`() throws {
    var run = StationRun(Self.plan())
    Self.all(&run, from: 0, through: 100) { .reading($0, .metres(1)) }
    Self.all(&run, from: 110, through: 300) { .fault($0, .timeout) }
    #expect(run.alerts.map(\.short) == ["raise blind"])
    #expect(run.alerts.last?.fault == .timeout)
    Self.lost(&run, at: 305)
    run.tell(.timePasses, at: 500)
    #expect(run.alerts.map(\.short) == ["raise blind", "update blind cause"])
    #expect(run.alerts.last?.fault == .portLost && run.alerts.last?.affected?.count == Self.count)
  }

  @Test func `that fail alone are their own alerts`() {
    var run = StationRun(Self.plan())
    Self.all(&run, from: 0, through: 300) { $0 == "gauge-7" ? .fault($0, .timeout) : .reading($0, .metres(1)) }
    #expect(run.alerts.map(\.short) == ["raise sensor_fault"])
    #expect(run.alerts.map(\.sensor) == ["gauge-7"])
  }

  @Test(arguments: [100, 130, 170, 180, 1010, 1030, 1060, 1095, 1150])
  func `are told the same over a restart`(stop: Int) {
    func events(_ run: inout StationRun, _ range: Range<Int>) {
      for second in range {
        if second == 105 { Self.lost(&run, at: 105) }
        guard second.isMultiple(of: 10), second <= 100 || second >= 1000 else { continue }
        for number in 1...Self.count {
          let sensor = SensorID("gauge-\(number)")
          let input: StationInput =
            second > 100 && number == 7 ? .fault(sensor, .timeout) : .reading(sensor, .metres(1))
          run.tell(input, at: Double(second) + Double(number) / 100)
        }
      }
    }
    var whole = StationRun(Self.plan())
    events(&whole, 0..<1300)
    var first = StationRun(Self.plan())
    events(&first, 0..<stop)
    let moment = StationRun.moment(Double(stop))
    first.tell(.timePasses, at: moment)
    var second = StationRun(
      Self.plan(), watch: .empty, states: first.ledger + first.station.snapshot(at: moment),
      sequences: first.sequences, at: moment, sameBoot: true)
    events(&second, stop..<1300)
    let told = (first.alerts + second.alerts).map { "\($0.id) \($0.revision) \($0.short) \($0.affected?.count ?? 0)" }
    #expect(told == whole.alerts.map { "\($0.id) \($0.revision) \($0.short) \($0.affected?.count ?? 0)" })
  }
}

@Suite struct `Radio contacts of one receiver` {
  @Test func `that are all silent at once are one alert about the receiver, and no flood`() throws {
    let contacts = (1...3).map {
      SensorPlan(id: SensorID("under-\($0)"), name: "地下道\($0)", quantity: .floodContact, source: "receiver:gate")
    }
    let plan = StationPlan(
      gateway: "g",
      sensors: contacts + [SensorPlan(id: "gate", name: "受信機", quantity: .beacon, source: "receiver:gate")],
      contacts: contacts.map {
        ContactRule(sensor: $0.id, severity: .severe, wetAfter: .zero, dryAfter: .minutes(10))
      })
    var run = StationRun(plan)
    for contact in contacts { run.tell(.contact(contact.id, active: false), at: 0) }
    run.tell(.alive("gate"), at: 1)
    for contact in contacts { run.tell(.fault(contact.id, .deaf), at: 100) }
    run.tell(.timePasses, at: 200)
    let alert = try #require(run.alerts.first)
    #expect(run.alerts.map(\.short) == ["raise blind"])
    #expect(alert.sensor == "receiver:gate" && alert.name == "受信機" && alert.fault == .deaf)
    #expect(alert.affected == ["under-1", "under-2", "under-3"])
    for contact in contacts { run.tell(.contact(contact.id, active: false), at: 300) }
    #expect(run.alerts.map(\.short) == ["raise blind", "clear blind recovered"])
  }
}

@Suite struct `Contacts that tell nothing of water` {
  private static let plan = StationPlan(
    gateway: "g",
    sensors: ["door", "mains", "button"].map { SensorPlan(id: SensorID($0), name: $0, quantity: .contact) }
      + [SensorPlan(id: "river-1", name: "川", quantity: .waterLevel, staleAfter: .seconds(60))],
    floods: [
      FloodRule(
        sensor: "river-1", levels: [.init(step: .danger, threshold: .metres(4))], confirm: .readings(1),
        releaseMargin: .metres(0), releaseHold: .zero)
    ],
    contacts: [
      ContactRule(sensor: "door", use: .tamper, severity: .moderate, wetAfter: .seconds(1), dryAfter: .minutes(1)),
      ContactRule(sensor: "mains", use: .mains, severity: .moderate, wetAfter: .seconds(10), dryAfter: .minutes(1)),
      ContactRule(
        sensor: "button", use: .silence, severity: .minor, wetAfter: .zero, dryAfter: .zero, silenceFor: .minutes(5)),
    ],
    outputs: [
      OutputRule(
        id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
        soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .otherDecides))
    ])

  @Test func `are tamper and power, and no hazard`() {
    var run = StationRun(Self.plan)
    run.tell(.contact("door", active: false), at: 0)
    run.tell(.contact("mains", active: false), at: 0)
    run.tell(.contact("door", active: true), at: 10)
    run.tell(.contact("mains", active: true), at: 10)
    run.tell(.contact("mains", active: false), at: 15)
    run.tell(.contact("mains", active: true), at: 20)
    run.tell(.timePasses, at: 60)
    #expect(run.alerts.map(\.short) == ["raise tamper", "raise power"])
    #expect(run.alerts.allSatisfy { !$0.kind.isHazard && $0.observed?.quantity == .contact })
    #expect(StationRun.second(run.alerts[1].onset) == 20 && StationRun.second(run.alerts[1].detected) == 30)
    run.tell(.contact("door", active: false), at: 100)
    run.tell(.contact("mains", active: false), at: 100)
    run.tell(.timePasses, at: 300)
    #expect(run.alerts.suffix(2).map(\.short) == ["clear tamper recovered", "clear power recovered"])
    #expect(run.outputs.map(\.on) == [false])
  }

  @Test func `silence the siren when a button is pressed, and not because it hangs`() throws {
    var run = StationRun(Self.plan)
    run.tell(.contact("button", active: true), at: 0)
    run.tell(.reading("river-1", .metres(4.5)), at: 10)
    #expect(run.outputs.map(\.cause) == ["start", "alert"])
    #expect(run.outputs.last?.by == [try #require(run.alerts.first).id])
    run.tell(.contact("button", active: false), at: 20)
    run.tell(.contact("button", active: true), at: 25)
    let off = try #require(run.outputs.last)
    #expect(!off.on && off.cause == "silenced" && off.by == ["button"])
    #expect(off.silencedUntil.map(StationRun.second) == 325)
    #expect(run.alerts.map(\.short) == ["raise danger"])
  }
}
