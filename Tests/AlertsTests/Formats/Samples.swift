import Alerts
import Observations

/// Made-up alerts, notices and states for the tests of the formats.
enum Samples {
  static let gateway = "kakogawa-042"
  static let subject: SubjectID = "7f3a9c52e1b84d0f9a61c2d3"
  static let river: SensorID = "river-1"
  static let tokyo = TimeZoneOffsets.fixed(seconds: 9 * 3600)
  /// 2026-11-21T15:02:20+09:00
  static let afternoon = WallTime(milliseconds: 1_795_240_940_000)

  static func moment(
    _ seconds: Double = 0, clock: ClockQuality = .synchronized, uptime: Double = 86412.5
  ) -> Moment {
    Moment(
      monotonic: MonotonicTime(nanoseconds: Int64((uptime + seconds) * 1e9)),
      wall: WallTime(milliseconds: afternoon.milliseconds + Int64(seconds * 1000)), clock: clock)
  }

  static func measure(_ value: Double, _ quantity: Quantity = .waterLevel) -> Measure {
    Measure(rounding: value, for: quantity) ?? Measure(thousandths: 0)
  }

  static let plan = StationPlan(
    gateway: gateway,
    sensors: [
      SensorPlan(
        id: river, name: "加古川 国包橋", quantity: .waterLevel, range: measure(-1)...measure(10), staleAfter: .seconds(60),
        datum: .init(name: "T.P.", zero: measure(12.345)), position: Position(latitude: 34.8, longitude: 134.9)),
      SensorPlan(id: "underpass-1", name: "国包アンダーパス", quantity: .floodContact),
      SensorPlan(id: "rain-1", name: "国包雨量計", quantity: .rain, tip: measure(0.5, .rain)),
      SensorPlan(id: "gate-north", name: "国包小学校 正門 受信機", quantity: .beacon, staleAfter: .seconds(60)),
    ],
    floods: [
      FloodRule(
        sensor: river,
        levels: zip(LadderStep.allCases, [2, 3, 3.5, 4, 5.2]).map { .init(step: $0, threshold: measure($1)) },
        confirm: .readings(3), releaseMargin: measure(0.1), releaseHold: .minutes(10))
    ],
    contacts: [
      ContactRule(sensor: "underpass-1", severity: .severe, wetAfter: .seconds(20), dryAfter: .minutes(10))
    ],
    places: [
      PlaceRule(
        id: "school-7-gate", name: "国包小学校 正門", sensors: ["gate-north"], enter: -75, leave: -85, sightingsCount: 3,
        sightingsOf: 5, dwell: .seconds(10), goneAfter: .seconds(60))
    ],
    outputs: [OutputRule(id: "siren", maxOn: .minutes(3), coolDown: .minutes(10), soundAt: nil)])

  static let topics = Topics(root: "mimamori/282103", watchRoot: "mimamori-watch/282103", gateway: gateway)

  static func context(
    name: String = "国包 水位・見守り局", contact: String? = "危機管理課 000-000-0000",
    position: Position? = Position(latitude: 34.7993, longitude: 134.8862),
    languages: [String] = Formats.languages, scope: CAPIdentity.Scope = .restricted, plan: StationPlan = plan,
    fiware: FIWAREFormat? = nil
  ) -> FormatContext {
    FormatContext(
      plan: plan, name: name, municipality: "282103", contact: contact, position: position, zone: tokyo,
      zoneName: "Asia/Tokyo", languages: languages,
      cap: CAPIdentity(
        sender: "kakogawa-042@example.jp", scope: scope, restriction: "for municipal disaster staff"),
      topics: topics, version: "0.1.0", configurationSHA256: String(repeating: "0f", count: 32),
      boot: "01JDB000000000000000000000", epoch: "01JDE000000000000000000000", fiware: fiware)
  }

  static let formats = Formats(context())

  static func alert(
    _ kind: AlertKind = .waterLevel, _ message: MessageType = .raise, reason: String? = nil,
    mode: AlertMode = .actual, step: LadderStep = .danger, value: Double? = 4.12, threshold: Double? = 4,
    fault: FaultCause? = nil, level: Int? = nil, clock: ClockQuality = .synchronized, name: String = "加古川 国包橋",
    revision: Int? = nil
  ) -> Alert {
    let isWater = kind == .waterLevel || kind == .rateOfRise
    let number = revision ?? (message == .raise ? 1 : 3)
    return Alert(
      id: "\(gateway)/01JDXYZ0123456789ABCDEFGHJ", revision: number, message: message,
      reason: message == .raise
        ? nil : reason ?? (message == .update ? "renewed" : kind.isHazard ? "released" : "recovered"), mode: mode,
      sequence: 18, sensor: isWater ? river : kind == .floodContact ? "underpass-1" : "gate-north", name: name,
      kind: kind, level: kind == .waterLevel ? step.level : level, step: kind == .waterLevel ? step : nil,
      severity: kind.isHazard ? step.severity : .minor, urgency: message == .clear ? .past : .immediate,
      certainty: .observed, fault: kind.isHazard ? nil : fault, onset: moment(-20, clock: clock),
      detected: moment(clock: clock), expires: afternoon + .hours(2),
      observed: isWater
        ? .init(quantity: .waterLevel, value: value.map { measure($0) }, threshold: threshold.map { measure($0) })
        : kind == .floodContact
          ? .init(quantity: .floodContact, value: measure(1, .floodContact))
          : fault == nil ? nil : .init(quantity: .beacon, value: nil),
      references: ReferenceChain(
        (1..<number).map { .init(revision: $0, sent: afternoon - .minutes(Int64(number - $0))) }),
      until: kind == .maintenance ? afternoon + .hours(3) : nil)
  }

  /// Every kind, message, reason, mode and step, with and without a value, a cause, a level and a trusted clock.
  static let alerts: [Alert] = {
    var alerts: [Alert] = []
    for mode in [AlertMode.actual, .exercise, .test] {
      for kind in AlertKind.allCases {
        for (message, reason) in messages {
          alerts.append(alert(kind, message, reason: reason, mode: mode))
          guard mode == .actual else { continue }
          alerts.append(alert(kind, message, reason: reason, mode: mode, level: 4, clock: .unsynchronized))
          alerts.append(alert(kind, message, reason: reason, mode: mode, value: nil, threshold: nil, clock: .rtc))
        }
      }
      for step in LadderStep.allCases {
        for (message, reason) in messages {
          alerts.append(alert(.waterLevel, message, reason: reason, mode: mode, step: step, value: 3.95))
        }
      }
    }
    for mode in [AlertMode.actual, .exercise, .test] { alerts += detections(mode) }
    for cause in causes {
      for (message, reason) in messages.prefix(2) + messages.suffix(1) + [(.update, "unstable")] {
        alerts.append(alert(.sensorFault, message, reason: reason, fault: cause))
        alerts.append(alert(.blind, message, reason: reason, fault: cause))
      }
    }
    for (message, reason) in messages + [(.update, "sensors"), (.update, "unstable"), (.clear, "recovered")] {
      alerts.append(group(message, reason: reason, count: 2))
      alerts.append(group(message, reason: reason, count: 31))
      var output = alert(.outputFault, message, reason: reason, fault: FaultCause(rawValue: "not_switched"))
      output.sensor = "output:siren"
      alerts.append(output)
      var mains = alert(.power, message, reason: reason)
      mains.observed = .init(quantity: .contact, value: measure(1, .contact))
      alerts.append(mains)
      for cause in [FaultCause.certificateExpiring, .certificateExpired] {
        var certificate = alert(.certificate, message, reason: reason, fault: cause)
        certificate.sensor = BoardCertificate.own.source
        certificate.name = BoardCertificate.own.name
        certificate.observed = nil
        alerts.append(certificate)
      }
      for cause in [FaultCause.ledgerDamaged, .ledgerUnwritable, .storageReserve] {
        var ledger = alert(.storage, message, reason: reason, fault: cause)
        ledger.sensor = "board:ledger"
        ledger.observed = nil
        alerts.append(ledger)
      }
    }
    return alerts
  }()

  /// A port that has silenced so many sensors.
  static func group(_ message: MessageType, reason: String?, count: Int) -> Alert {
    var group = alert(.blind, message, reason: reason, fault: .portLost)
    group.sensor = "port:rs485"
    group.name = "rs485"
    group.observed = nil
    group.affected = (1...count).map { SensorID("gauge-\($0)") }
    return group
  }

  static let next = Alert.Next(
    step: .flooding, at: afternoon + .minutes(52), earliest: afternoon + .minutes(40), latest: afternoon + .hours(15))

  /// What only a detector of water or rain says: an estimate, a time that a value belongs to, a doubt.
  private static func detections(_ mode: AlertMode) -> [Alert] {
    var alerts: [Alert] = []
    for (message, reason) in messages + [(.update, "forecast"), (.update, "forecast_withdrawn"), (.update, "measured")]
    {
      var water = alert(.waterLevel, message, reason: reason, mode: mode)
      water.observed?.ratePerHour = measure(1.2)
      water.observed?.sensors = [river]
      if reason != "forecast_withdrawn" { water.observed?.next = next }
      alerts.append(water)
      if message != .raise {
        water.acknowledged = .init(authority: "bousai-2026", at: afternoon, until: afternoon + .hours(15))
        alerts.append(water)
        water.acknowledged?.cause = "false_alarm"
        alerts.append(water)
      }
      var rise = alert(.rateOfRise, message, reason: reason, mode: mode, value: 0.62, threshold: 0.5)
      rise.observed?.within = .minutes(10)
      rise.observed?.next = message == .raise ? next : nil
      alerts.append(rise)
      for within in [TimeSpan.minutes(10), .hours(24), .minutes(90)] {
        var rain = alert(.rain, message, reason: reason == "step" ? "amount" : reason, mode: mode)
        rain.sensor = "rain-1"
        rain.observed = .init(
          quantity: .rain, value: measure(50.5, .rain), threshold: measure(50, .rain), within: within)
        alerts.append(rain)
        guard message == .update else { continue }
        rain.observed?.value = measure(0, .rain)
        rain.until = afternoon + .hours(2)
        alerts.append(rain)
      }
    }
    for kind in [AlertKind.waterLevel, .rateOfRise] {
      for reason in ["fault", "renewed"] {
        var doubt = alert(kind, .update, reason: reason, mode: mode, value: nil)
        doubt.certainty = .unknown
        doubt.urgency = .unknown
        doubt.fault = .stuck
        alerts.append(doubt)
      }
    }
    return alerts
  }

  static let messages: [(MessageType, String?)] = [
    (.raise, nil), (.update, "step"), (.update, "value"), (.update, "renewed"), (.update, "acknowledged"),
    (.update, "fault"),
    (.update, "time_corrected"), (.update, "acknowledgement_over"), (.clear, "ended"), (.clear, "real_reading"),
    (.clear, "removed"), (.clear, "unproven"), (.clear, "separated"), (.clear, "stuck"), (.clear, "made_up_later"),
    (.clear, nil),
  ]

  static let causes: [FaultCause] = [
    .noisy,
    .timeout, .lateReply, .garbledReply, .deviceException, .silent, .outOfRange, .blindZone, .noTarget, .portMissing,
    .portBusy, .portLost, .portError, .edgesLost, .deaf, .implausibleRate, .stuck, .contradicting, .filteredOut,
    .cableBreak, .shortCircuit, FaultCause(rawValue: "not_switched"), FaultCause(rawValue: "made_up_later"),
  ]

  static func notice(
    _ kind: NoticeKind = .arrival, person: WatchPlan.Person = .child, mode: AlertMode = .actual,
    clock: ClockQuality = .synchronized, placeName: String = "国包小学校 正門", lastSeen: Double = -1
  ) -> Notice {
    Notice(
      id: "\(gateway)/01JDXYZ0123456789ABCDEFGHK", revision: 1, mode: mode, sequence: 7, subject: subject,
      person: person, kind: kind, place: "school-7-gate", placeName: placeName, sensor: "gate-north",
      detected: moment(clock: clock), lastSeen: moment(lastSeen, clock: clock), confidence: 0.97)
  }

  /// About somebody whose tag was never heard at the place.
  static func neverSeen(
    _ kind: NoticeKind, person: WatchPlan.Person = .elder, mode: AlertMode = .actual
  ) -> Notice {
    var notice = notice(kind, person: person, mode: mode)
    notice.lastSeen = Moment(
      monotonic: notice.detected.monotonic, wall: WallTime(milliseconds: 0), clock: .unsynchronized)
    return notice
  }

  /// About somebody whose tag was heard in an earlier boot whose clock was never set.
  static func untimed(
    _ kind: NoticeKind, person: WatchPlan.Person = .elder, mode: AlertMode = .actual
  ) -> Notice {
    var notice = notice(kind, person: person, mode: mode, clock: .synchronized)
    notice.lastSeen = Moment(
      monotonic: notice.detected.monotonic, wall: WallTime(milliseconds: 300_000), clock: .unsynchronized)
    notice.isLastSeenKnown = false
    return notice
  }

  static let notices: [Notice] = {
    var notices: [Notice] = []
    for kind in NoticeKind.allCases {
      for person in [WatchPlan.Person.child, .elder] {
        for mode in [AlertMode.actual, .exercise, .test] {
          notices.append(notice(kind, person: person, mode: mode))
          notices.append(notice(kind, person: person, mode: mode, clock: .unsynchronized, lastSeen: -90_000))
          var moving = notice(kind, person: person, mode: mode)
          moving.whereabouts = .moving(nil)
          notices.append(moving)
          notices.append(neverSeen(kind, person: person, mode: mode))
          notices.append(untimed(kind, person: person, mode: mode))
        }
      }
    }
    return notices
  }()
}
