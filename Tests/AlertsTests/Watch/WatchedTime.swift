import Alerts
import Observations

/// Times of the tests of what is expected of people, as people write them.
enum WatchedTime {
  static let tokyo = TimeZoneOffsets.fixed(seconds: 9 * 3600)
  /// Central Europe from 2026-10-25 to 2027-10-31.
  static let berlin = zone(
    7200, ("2026-10-25T01:00:00Z", 3600), ("2027-03-28T01:00:00Z", 7200), ("2027-10-31T01:00:00Z", 3600))
  /// The east of North America from 2026-11-01 to 2027-11-07.
  static let newYork = zone(
    -14400, ("2026-11-01T06:00:00Z", -18000), ("2027-03-14T07:00:00Z", -14400), ("2027-11-07T06:00:00Z", -18000))
  /// Lord Howe Island, where summer time is half an hour.
  static let lordHowe = zone(
    39600, ("2027-04-03T15:00:00Z", 37800), ("2027-10-02T15:30:00Z", 39600))

  private static func zone(_ first: Int, _ changes: (String, Int)...) -> TimeZoneOffsets {
    TimeZoneOffsets(
      [.init(start: WallTime(milliseconds: .min), seconds: first)]
        + changes.map { .init(start: wall($0.0), seconds: $0.1) })
  }

  static func wall(_ text: String) -> WallTime {
    guard let time = WallTime(rfc3339: text) else { preconditionFailure("\(text) is no time") }
    return time
  }

  /// The second of a run at which it is this time.
  static func second(_ text: String) -> Double { StationRun.second(moment(text)) }

  /// The moment of a run at which it is this time, if the clock was never set.
  static func moment(_ text: String, _ clock: ClockQuality = .synchronized) -> Moment {
    let wall = wall(text)
    let start = StationRun.moment(0)
    return Moment(monotonic: start.monotonic + (wall - start.wall), wall: wall, clock: clock)
  }

  static func text(_ notice: Notice, in zone: TimeZoneOffsets = tokyo) -> String {
    "\(notice.kind.rawValue) \(notice.detected.wall.rfc3339(in: zone))"
  }
}

/// A school gate with one receiver, whose children are expected by half past eight.
enum WatchedSchool {
  static let child = TestSite.subject(1)
  static let rules = WatchRules(
    notArrivedBy: .init(minutes: 510), days: [.monday, .tuesday, .wednesday, .thursday, .friday],
    except: [.init(year: 2026, month: 11, day: 23)])

  static func plan(
    zone: TimeZoneOffsets = WatchedTime.tokyo, passages: Bool = false, goneAfter: TimeSpan = .seconds(60)
  ) -> StationPlan {
    StationPlan(
      gateway: "kakogawa-042",
      sensors: [SensorPlan(id: "gate-north", name: "正門 北", quantity: .beacon)],
      places: [
        PlaceRule(
          id: "gate", name: "国包小学校 正門", sensors: ["gate-north"], enter: -75, leave: -85, sightingsCount: 3,
          sightingsOf: 5, dwell: .seconds(10), goneAfter: goneAfter, passages: passages)
      ], zone: zone)
  }

  static func watch(_ rules: WatchRules?, person: WatchPlan.Person = .child, revision: Int = 1) -> WatchPlan {
    WatchPlan(
      revision: revision, members: [.init(subject: child, person: person, places: ["gate"], rules: [rules])])
  }
}

extension StationRun {
  /// Hears somebody at the gate every `interval` seconds from `start` on.
  mutating func hear(
    _ subject: SubjectID = WatchedSchool.child, from start: Double, for seconds: Double, every interval: Double = 1,
    at sensor: SensorID = "gate-north", signal: Int8 = -62
  ) {
    var second = start
    while second < start + seconds {
      tell(.sighting(sensor, subject, signal: signal, battery: nil, button: nil), at: second)
      second += interval
    }
  }
}
