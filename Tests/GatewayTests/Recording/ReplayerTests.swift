import Alerts
import Gateway
import Observations
import Testing

@Suite struct `A replay` {
  static let plan = StationPlan(
    gateway: "g",
    sensors: [
      SensorPlan(id: "river-1", name: "川", quantity: .waterLevel, staleAfter: .seconds(60)),
      SensorPlan(id: "underpass-1", name: "道", quantity: .floodContact),
      SensorPlan(id: "rain-1", name: "雨", quantity: .rain, tip: Measure(thousandths: 500)),
      SensorPlan(id: "gate-north", name: "門", quantity: .beacon),
    ],
    floods: [
      FloodRule(
        sensor: "river-1", levels: [.init(step: .caution, threshold: Measure(thousandths: 3000))],
        confirm: .readings(1),
        releaseMargin: Measure(thousandths: 0), releaseHold: .zero)
    ],
    contacts: [ContactRule(sensor: "underpass-1", severity: .severe, wetAfter: .seconds(20), dryAfter: .seconds(20))],
    places: [
      PlaceRule(
        id: "gate", name: "正門", sensors: ["gate-north"], enter: -75, leave: -85, sightingsCount: 3, sightingsOf: 5,
        dwell: .seconds(10), goneAfter: .seconds(60))
    ])
  static let child = SubjectID("7f3a9c52e1b84d0f9a61c2d3")
  static let identify: @Sendable (AlertOrigin) -> String = { "g/\($0.source)/\($0.kind)/\($0.ordinal)" }
  static let watch = WatchPlan(revision: 1, members: [.init(subject: child, person: .child, places: ["gate"])])

  /// What a replay told, in short and with the wall time of each message.
  struct Told {
    var messages: [String] = []

    mutating func take(_ effects: inout Effects) {
      for alert in effects.alerts {
        messages.append("\(alert.kind.rawValue) \(alert.message.rawValue) \(Self.clock(alert.detected.wall))")
      }
      for notice in effects.notices {
        messages.append("\(notice.kind.rawValue) \(Self.clock(notice.detected.wall))")
      }
      effects.removeAll()
    }

    static func clock(_ time: WallTime) -> String {
      String(time.rfc3339(in: .fixed(seconds: 9 * 3600)).dropFirst(11).prefix(8))
    }
  }

  static func replayer() -> Replayer {
    Replayer(
      station: Station(plan: plan, identify: identify), plan: plan, watch: watch,
      resolve: { tag in
        if case .hash(let hash) = tag, hash.hasPrefix("00") { return child }
        if case .clear(let identifier) = tag, identifier.byte(0) == 0xe2 { return child }
        return nil
      })
  }

  private func replay(_ lines: [String]) throws(RecordingError) -> (told: [String], replayer: Replayer) {
    var replayer = Self.replayer()
    var told = Told()
    var effects = Effects()
    for line in lines {
      try replayer.feed(line.utf8.span, into: &effects)
      told.take(&effects)
    }
    return (told.messages, replayer)
  }

  private static func at(_ clock: String, _ rest: String) -> String {
    #"{"time":"2025-09-24T\#(clock)+09:00"\#(rest.isEmpty ? "" : ",")\#(rest)}"#
  }

  @Test func `acts in the recording's own time`() throws {
    let (told, _) = try replay([
      #"{"schema":"mimamori.recording/1","gateway":"g"}"#,
      Self.at("02:50:00", #""sensor":"river-1","value":3.00"#),
      Self.at("02:50:30", #""sensor":"underpass-1","active":true"#),
      Self.at("03:00:00", ""),
      Self.at("03:00:00", #""sensor":"river-1","value":2.99"#),
    ])
    #expect(
      told == [
        "water_level raise 02:50:00", "flood_contact raise 02:50:50", "sensor_fault raise 02:51:00",
        "water_level clear 03:00:00",
      ])
  }

  @Test func `searches as the recording's command says`() throws {
    let hash = "00" + String(repeating: "0a", count: 31)
    let sighting = #""sensor":"gate-north","tag":"\#(hash)","rssi":-90"#
    let (told, replayer) = try replay([
      Self.at("02:50:00", sighting),
      Self.at(
        "02:50:01",
        #""event":"command","do":"search","tag":"\#(hash)","subject":"7f3a9c52e1b84d0f9a61c2d3","case":"26-118","#
          + #""until":"2025-09-24T02:56:00+09:00""#),
      Self.at("02:50:02", sighting), Self.at("02:50:03", sighting), Self.at("02:55:02", sighting),
      Self.at("02:56:01", sighting), Self.at("03:10:00", sighting),
    ])
    #expect(told.filter { $0.hasPrefix("found") } == ["found 02:50:02", "found 02:55:02"])
    #expect(replayer.station.ignoredInputs == 0)
    #expect(throws: RecordingError.self) {
      try replay([Self.at("02:50:01", #""event":"command","do":"search","tag":"12""#)])
    }
  }

  @Test func `fires a deadline before a line of the same time, and takes ties in order`() throws {
    let (told, _) = try replay([
      Self.at("02:50:00", #""sensor":"underpass-1","active":true"#),
      Self.at("02:50:20", #""sensor":"underpass-1","active":false"#),
      Self.at("02:50:20", #""sensor":"river-1","value":3"#),
      Self.at("02:50:20", #""sensor":"river-1","value":2"#),
    ])
    #expect(
      told == ["flood_contact raise 02:50:20", "water_level raise 02:50:20", "water_level clear 02:50:20"])
  }

  @Test(arguments: [
    #""format":"ibeacon","id":"e2c56db5dffb48d2b060d0f5a71096e003e90007","rssi":-71"#,
    #""tag":"00f5b741cefc52ec73268f6e824eafaec857fd4acef1a1f49d04ce2a42d630b6","rssi":-71,"battery":80"#,
  ])
  func `finds who carries a tag`(tag: String) throws {
    let lines = (0..<30).map { Self.at("07:52:\($0 + 10)", #""sensor":"gate-north",\#(tag)"#) }
    let (told, _) = try replay(lines + [Self.at("08:00:00", "")])
    #expect(told == ["arrival 07:52:20", "sensor_fault raise 07:53:10", "departure 07:53:39"])
  }

  @Test func `orders by mono where it is given, and the wall clock may step`() throws {
    let (told, _) = try replay([
      #"{"mono":100,"time":"2025-09-24T02:50:00+09:00","sensor":"underpass-1","active":true}"#,
      #"{"mono":110,"time":"2025-09-24T01:50:10+09:00","event":"clock_step"}"#,
      #"{"mono":119.999,"time":"2025-09-24T01:50:20+09:00","sensor":"river-1","value":1}"#,
      #"{"mono":121,"sensor":"river-1","value":1}"#,
    ])
    #expect(told == ["flood_contact raise 01:50:20"])
  }

  @Test func `corrects what was told before the recording says that the clock is trusted`() throws {
    let (told, replayer) = try replay([
      #"{"mono":100,"time":"1970-01-01T09:01:40+09:00","clock":"unsynchronized","boot":"a","event":"start"}"#,
      #"{"mono":110,"time":"1970-01-01T09:01:50+09:00","sensor":"river-1","value":3}"#,
      #"{"mono":120,"time":"2025-09-24T02:50:20+09:00","event":"clock_step"}"#,
      #"{"mono":130,"time":"2025-09-24T02:50:30+09:00","clock":"synchronized","event":"clock_step"}"#,
      #"{"mono":140,"time":"2025-09-24T02:50:40+09:00","sensor":"river-1","value":3}"#,
    ])
    #expect(told == ["water_level raise 09:01:50", "water_level update 02:50:30"])
    let alert = replayer.station.activeAlerts.first
    #expect(alert?.reason == "time_corrected")
    #expect(alert.map { Told.clock($0.onset.wall) } == "02:50:10")
  }

  @Test func `goes over a new boot by the wall clock`() throws {
    let (told, _) = try replay([
      #"{"mono":5000,"time":"2025-09-24T02:50:00+09:00","boot":"a","event":"start"}"#,
      #"{"mono":5001,"time":"2025-09-24T02:50:01+09:00","sensor":"river-1","value":1}"#,
      #"{"mono":3,"time":"2025-09-24T02:52:00+09:00","boot":"b","event":"start"}"#,
      #"{"mono":4,"time":"2025-09-24T02:52:01+09:00","sensor":"river-1","value":3}"#,
    ])
    #expect(told == ["sensor_fault raise 02:51:01", "water_level raise 02:52:01"])
  }

  @Test(arguments: [
    ([at("02:50:00", ""), at("02:49:59", "")], 2, "out of order: 1.0 s"),
    ([#"{"mono":5}"#, #"{"mono":4.9}"#], 2, "out of order: 0.1 s"),
    ([at("02:50:00", ""), #"{"mono":5}"#], 2, "without \"time\""),
    ([at("02:50:00", ""), #"{"schema":"mimamori.recording/1"}"#], 2, "only be the first line"),
    ([at("02:50:00", #""sensor":"underpass-1","value":1"#)], 1, "measures flood_contact and cannot say \"value\""),
    ([at("02:50:00", #""sensor":"river-1","value":1e17"#)], 1, "larger than any sensor"),
    ([at("02:50:00", ""), "", at("02:50:01", "")], 2, "not a JSON object"),
    ([String(repeating: " ", count: 70_000)], 1, "longer than 65536 bytes"),
  ])
  func `ends with the line and the reason`(lines: [String], number: Int, part: String) {
    let error = #expect(throws: RecordingError.self) { try replay(lines) }
    #expect(error?.line == number)
    #expect(error?.reason.contains(part) == true, "\(error?.reason ?? "")")
  }

  @Test func `passes over raw lines and unknown sensors, and counts them`() throws {
    let (told, replayer) = try replay([
      #"{"mono":1,"time":"2025-09-24T02:50:00+09:00","port":"rs485","rx":"0104"}"#,
      #"{"mono":2,"sensor":"rain-1","edge":"rising","line_seq":81}"#,
      #"{"mono":3,"sensor":"gone-1","value":9}"#, #"{"mono":4,"sensor":"gone-1","fault":"timeout"}"#,
      #"{"mono":5,"sensor":"gone-2","active":true}"#,
    ])
    #expect(told.isEmpty)
    #expect(replayer.rawLineCount == 2 && replayer.lineCount == 5)
    #expect(replayer.unknownSensorLineCount == 3 && replayer.unknownSensors == ["gone-1", "gone-2"])
  }

  @Test(arguments: [true, false])
  func `that is stopped and started at any line tells the same`(withMono: Bool) throws {
    var lines: [String] = []
    for index in 0..<60 {
      let time = WallTime(milliseconds: 1_758_649_800_000 + Int64(index) * 7000).rfc3339(in: .fixed(seconds: 32_400))
      let stamp = (withMono ? #""mono":\#(100 + index * 7),"# : "") + #""time":"\#(time)","#
      let tag = #""tag":"00\#(String(repeating: "ab", count: 31))","rssi":-60"#
      let rest = [
        #""sensor":"river-1","value":\#(Double(index % 11) * 0.4)"#,
        #""sensor":"underpass-1","active":\#(index % 20 < 12)"#,
        #""sensor":"gate-north",\#(tag)"#, #""sensor":"river-1","fault":"timeout""#,
      ][index < 30 ? index % 4 : index % 2]
      lines.append("{\(stamp)\(rest)}")
    }
    let whole = try replay(lines).told
    #expect(whole.count > 10)
    for stop in 1..<lines.count {
      let first = try replay(Array(lines.prefix(stop)))
      var second = Self.replayer()
      let states = first.replayer.station.snapshot(at: try #require(first.replayer.now))
      // The stop is in order, so nothing about the streams is needed beside the last numbers.
      var sequences = ["alert": first.replayer.station.lastAlertSequence]
      sequences[Self.child.text] = UInt64(first.told.count { $0.hasPrefix("arrival") || $0.hasPrefix("departure") })
      second.restore(states, sequences: sequences)
      var told = Told(messages: first.told)
      var effects = Effects()
      for line in lines.dropFirst(stop) {
        try second.feed(line.utf8.span, into: &effects)
        told.take(&effects)
      }
      #expect(told.messages == whole, "stopped after \(stop) lines")
    }
  }
}
