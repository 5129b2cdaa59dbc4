import Alerts
import Foundation
import Observations
import TestData
import Testing

@Suite struct `Times that a wrong clock stamped` {
  /// 40 seconds after it was detected.
  static let soon = Samples.moment(40)
  static let late = Samples.moment(2280)
  static let samples: [Alert] = Samples.alerts.filter { $0.detected.clock == .synchronized }
  static let notices: [Notice] = Samples.notices.filter { $0.detected.clock == .synchronized }
  static let reports: [Effects.ObservationReport] = {
    let time = Samples.afternoon - .minutes(2)
    let sum = RainSums.ByClock(millimetres: Samples.measure(1.5, .rain), time: time)
    let sums = RainSums(
      tenMinutes: sum.millimetres, hour: sum.millimetres, threeHours: sum.millimetres, day24Hours: sum.millimetres,
      tenMinutesByClock: sum, today: sum, sinceItBegan: sum, soilWaterIndex: sum.millimetres,
      countedSince: Samples.afternoon - .hours(5), incomplete: [])
    return [
      .init(
        sensor: Samples.river, at: Samples.moment(), value: .measure(Samples.measure(4.12)), fault: nil,
        next: Samples.next),
      .init(
        sensor: "rain-1", at: Samples.moment(), value: .rain(total: Samples.measure(6, .rain), tips: 12), fault: nil,
        sums: sums),
      .init(sensor: "underpass-1", at: Samples.moment(), value: nil, fault: .timeout),
      .init(sensor: "gate-north", at: Samples.moment(), value: .receiver(working: true), fault: nil),
    ]
  }()

  private static func freeze(
    _ draft: [UInt8], delayed: Bool = false, at now: Moment = soon, by formats: Formats = Samples.formats,
    made: MonotonicTime? = Samples.moment().monotonic, earlier: [Int: [UInt8]] = [:]
  ) -> [UInt8] {
    formats.freeze(draft: draft, delayed: delayed, at: now, made: made, earlier: earlier)
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test(arguments: WrongClock.all) func `become those of a right one in every alert, texts and all`(clock: WrongClock) {
    for alert in Self.samples {
      let draft = Samples.formats.alert(clock.wrong(alert))
      let right = Samples.formats.alert(alert)
      #expect(draft != right)
      #expect(Self.text(Self.freeze(draft)) == Self.text(right))
      #expect(
        Self.text(Self.freeze(draft, delayed: true, at: Self.late))
          == Self.text(Self.freeze(right, delayed: true, at: Self.late)))
    }
  }

  @Test(arguments: WrongClock.all) func `become those of a right one in every notice`(clock: WrongClock) {
    for notice in Self.notices {
      let draft = Samples.formats.notice(clock.wrong(notice))
      #expect(Self.text(Self.freeze(draft)) == Self.text(Samples.formats.notice(notice)))
    }
  }

  @Test(arguments: WrongClock.all) func `become those of a right one in CAP, references too`(clock: WrongClock) throws {
    for alert in Self.samples {
      let draft = try #require(Samples.formats.cap(clock.wrong(alert)))
      let right = try #require(Samples.formats.cap(alert))
      #expect(Self.text(Self.freeze(draft)) == Self.text(right))
    }
    let update = Samples.alert(.waterLevel, .update, reason: "step")
    var wrong = clock.wrong(update)
    wrong.references = ReferenceChain(
      update.references.map { Alert.Reference(revision: $0.revision, sent: clock.wrong($0.sent)) })
    var earlier: [Int: [UInt8]] = [:]
    for reference in update.references {
      var sent = update
      sent.revision = reference.revision
      sent.detected = Moment(monotonic: update.detected.monotonic, wall: reference.sent, clock: .synchronized)
      earlier[reference.revision] = Samples.formats.cap(sent)
    }
    let draft = try #require(Samples.formats.cap(wrong))
    let right = try #require(Samples.formats.cap(update))
    #expect(Self.text(Self.freeze(draft, earlier: earlier)) == Self.text(right))
    // What nobody knows is named as the draft names it.
    earlier[1] = nil
    let named = Elements(Self.freeze(draft, earlier: earlier))["references"].first ?? ""
    let time = clock.wrong(update.references[0].sent).rfc3339(in: Samples.tokyo)
    #expect(named.split(separator: " ").first?.hasSuffix(",\(time)") == true)
    #expect(!named.split(separator: " ").dropFirst().contains { $0.hasSuffix(",\(time)") })
  }

  @Test(arguments: WrongClock.all) func `become those of a right one in states and measures`(clock: WrongClock) throws {
    for report in Self.reports {
      let right = Samples.formats.observation(report)
      let corrected = Samples.formats.corrected(
        Samples.formats.observation(clock.wrong(report)), made: nil, at: Self.soon)
      #expect(Self.text(corrected) == Self.text(right))
      for representation in FIWAREFormat.Representation.allCases {
        let formats = Formats(Samples.context(fiware: FIWAREFormat(representation: representation)))
        guard let draft = formats.measure(clock.wrong(report)) else { continue }
        let measure = formats.corrected(draft, made: report.at.monotonic, at: Self.soon)
        try Self.expectMeasure(measure, toBe: #require(formats.measure(report)))
        #expect(formats.corrected(draft, made: nil, at: Self.soon) == draft)
      }
    }
    for alert in Self.samples where alert.mode == .actual {
      for representation in FIWAREFormat.Representation.allCases {
        let formats = Formats(Samples.context(fiware: FIWAREFormat(representation: representation)))
        let draft = try #require(formats.measure(clock.wrong(alert)))
        try Self.expectMeasure(Self.freeze(draft, by: formats), toBe: #require(formats.measure(alert)))
      }
    }
    let output = Effects.OutputChange(
      output: "siren", on: true, cause: "alert", until: Samples.moment(180), silencedUntil: Samples.moment(600),
      at: Samples.moment())
    var wrong = output
    wrong.at = clock.wrong(output.at)
    wrong.until = output.until.map { clock.wrong($0) }
    wrong.silencedUntil = output.silencedUntil.map { clock.wrong($0) }
    let corrected = Samples.formats.corrected(Samples.formats.output(wrong), made: nil, at: Self.soon)
    #expect(Self.text(corrected) == Self.text(Samples.formats.output(output)))
    let place = Effects.PlaceReport(place: "school-7-gate", state: .watching, since: Samples.moment())
    let wrongPlace = Effects.PlaceReport(place: place.place, state: place.state, since: clock.wrong(place.since))
    let since = Samples.formats.corrected(Samples.formats.place(wrongPlace), made: nil, at: Self.soon)
    #expect(Self.text(since) == Self.text(Samples.formats.place(place)))
  }

  /// The measure without its word about the clock, and that word.
  private static func taken(_ measure: [UInt8]) throws -> (rest: NSDictionary, clock: String?) {
    var object = try #require(JSONSerialization.jsonObject(with: Data(measure)) as? [String: any Sendable])
    let clock = object.removeValue(forKey: "clock")
    let word = clock as? String ?? (clock as? [String: any Sendable])?["value"] as? String
    return (NSDictionary(dictionary: object), word)
  }

  private static func expectMeasure(_ corrected: [UInt8], toBe right: [UInt8]) throws {
    let (measure, clock) = try taken(corrected)
    let expected = try taken(right)
    #expect(measure == expected.rest, "\(text(corrected))")
    // A right clock is not worth a word where it was right from the beginning.
    #expect(clock == "synchronized" && expected.clock == nil)
  }

  @Test func `stay what they are once they are decided`() throws {
    let clock = WrongClock.all[0]
    for draft in [
      Samples.formats.alert(clock.wrong(Samples.alert())), Samples.formats.notice(clock.wrong(Samples.notice())),
      try #require(Samples.formats.cap(clock.wrong(Samples.alert()))),
    ] {
      let frozen = Self.freeze(draft)
      #expect(frozen != draft)
      for now in [Self.soon, Self.late, Samples.moment(90, clock: .rtc)] {
        #expect(Self.freeze(frozen, at: now) == frozen)
      }
    }
  }

  @Test func `stay what they are where nothing tells the right ones`() throws {
    let clock = WrongClock.all[0]
    let alert = clock.wrong(Samples.alert())
    let drafts = [
      Samples.formats.alert(alert), Samples.formats.notice(clock.wrong(Samples.notice())),
      try #require(Samples.formats.cap(alert)),
      Samples.formats.observation(clock.wrong(Self.reports[0])),
    ]
    for draft in drafts {
      // No better clock, and one that says that the message was made after now.
      #expect(Self.freeze(draft, at: clock.wrong(Self.soon)) == draft)
      #expect(Self.freeze(draft, at: Samples.moment(-10)) == draft)
    }
    // Another boot.
    let other = Formats(
      FormatContext(
        plan: Samples.plan, name: "n", municipality: "282103", contact: nil, position: nil, zone: Samples.tokyo,
        zoneName: "Asia/Tokyo", languages: Formats.languages, cap: nil, topics: Samples.topics, version: "0",
        configurationSHA256: "", boot: "another", epoch: "e"))
    for draft in drafts where draft.first != UInt8(ascii: "<") {
      #expect(Self.freeze(draft, by: other, made: nil) == draft)
    }
    #expect(Self.freeze(drafts[2], made: nil) == drafts[2])
    // Trusted then as now, and not ahead.
    let right = Samples.formats.alert(Samples.alert())
    #expect(Self.freeze(right) == right)
    // A slewed clock differs by some milliseconds from what it was.
    let slewed = Moment(
      monotonic: Self.soon.monotonic, wall: Self.soon.wall + .milliseconds(-60), clock: .synchronized)
    #expect(Self.freeze(right, at: slewed) == right)
    #expect(Self.freeze(Samples.formats.alert(Samples.alert(clock: .rtc)), at: slewed) == right)
  }

  @Test func `of an earlier boot stay beside those of this one`() throws {
    let clock = WrongClock.all[0]
    var alert = clock.wrong(Samples.alert())
    alert.onset = Samples.moment(-200_000)
    let corrected = Self.text(Self.freeze(Samples.formats.alert(alert)))
    #expect(corrected.contains(#""onset":"\#(alert.onset.wall.rfc3339(in: Samples.tokyo))""#))
    #expect(corrected.contains(#""detected":"2026-11-21T15:02:20+09:00""#))
    // And before the present one began, by the wrong clock.
    alert.onset = clock.wrong(Samples.moment(-90_000))
    let older = Self.text(Self.freeze(Samples.formats.alert(alert)))
    #expect(older.contains(#""onset":"\#(alert.onset.wall.rfc3339(in: Samples.tokyo))""#))
  }

  @Test func `are corrected although the clock was trusted, where they lie ahead of now`() throws {
    let clock = WrongClock(behind: -3600, quality: .synchronized)
    let draft = Samples.formats.alert(clock.wrong(Samples.alert()))
    #expect(Self.text(Self.freeze(draft)) == Self.text(Samples.formats.alert(Samples.alert())))
    // Not while the clock is trusted less than then.
    #expect(Self.freeze(draft, at: Samples.moment(40, clock: .rtc)) == draft)
  }

  @Test func `are not looked for in names`() throws {
    let clock = WrongClock(behind: 6 * 3600 + 120, quality: .unsynchronized)
    // The clock showed 09:00 when it was detected.
    let name = "学童 09:00 の門 9h00"
    let notice = Samples.notice(placeName: name)
    let corrected = Self.text(Self.freeze(Samples.formats.notice(clock.wrong(notice))))
    #expect(corrected == Self.text(Samples.formats.notice(notice)))
    #expect(corrected.contains(name))
    let satellites = PositionFix(
      position: Position(latitude: 34.8, longitude: 134.9), time: clock.wrong(Samples.afternoon), accuracy: nil)
    var moving = notice
    moving.whereabouts = .moving(satellites)
    let told = Self.text(Self.freeze(Samples.formats.notice(clock.wrong(moving))))
    #expect(told.contains(#""time":"\#(clock.wrong(Samples.afternoon).rfc3339(in: Samples.tokyo))""#))
  }

  @Test func `never lie ahead of now afterwards, whatever the clocks showed`() throws {
    struct Wire: Decodable {
      var detected: String
      var lastSeen: String
      var sequence: Int
      var clock: String
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    var generator = SeededGenerator(seed: 11)
    var changed = 0
    for _ in 0..<300 {
      let clock = WrongClock(
        behind: Int64.random(in: -400_000_000...1_900_000_000, using: &generator),
        quality: [.unsynchronized, .rtc, .synchronized].randomElement(using: &generator) ?? .rtc)
      let notice = clock.wrong(Samples.notice(lastSeen: -Double(Int.random(in: 1...80_000, using: &generator))))
      let now = Moment(
        monotonic: Samples.moment().monotonic + .milliseconds(Int64.random(in: 0...90_000_000, using: &generator)),
        wall: Samples.afternoon, clock: .synchronized)
      let draft = Samples.formats.notice(notice)
      let frozen = Self.freeze(draft, at: now)
      if frozen != draft { changed += 1 }
      guard clock.quality != .synchronized || notice.detected.wall > now.wall + .seconds(1) else { continue }
      let wire = try decoder.decode(Wire.self, from: Data(frozen))
      let detected = try #require(WallTime(rfc3339: wire.detected))
      let seen = try #require(WallTime(rfc3339: wire.lastSeen))
      #expect(detected <= now.wall && seen <= detected)
      #expect(wire.sequence == 7 && wire.clock == "synchronized")
      #expect(Self.freeze(frozen, at: now) == frozen)
    }
    #expect(changed > 200)
  }

  @Test func `cannot be found in what is no document`() {
    var generator = SeededGenerator(seed: 12)
    let clock = WrongClock.all[0]
    let documents = [
      Samples.formats.alert(clock.wrong(Samples.alert())), Samples.formats.cap(clock.wrong(Samples.alert())) ?? [],
    ]
    for document in documents {
      for _ in 0..<400 {
        var broken = document
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
          let place = Int.random(in: 1..<broken.count, using: &generator)
          switch Int.random(in: 0...2, using: &generator) {
          case 0: broken.removeSubrange(place...)
          case 1: broken[place] = UInt8.random(in: .min ... .max, using: &generator)
          default: broken.remove(at: place)
          }
          if broken.count < 2 { break }
        }
        _ = Self.freeze(broken, earlier: [1: broken, 2: document])
        _ = Self.freeze(broken, delayed: true)
      }
    }
  }
}
