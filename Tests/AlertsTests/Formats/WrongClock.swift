import Alerts
import Observations
import Testing

/// A clock that was wrong, and the same things as it stamped them.
struct WrongClock: CustomTestStringConvertible {
  /// How much it was behind, in seconds; below 0: ahead.
  var behind: Int64
  var quality: ClockQuality

  var testDescription: String { "\(behind) s behind, \(quality.rawValue)" }

  func wrong(_ time: WallTime) -> WallTime { WallTime(milliseconds: time.milliseconds - behind * 1000) }

  func wrong(_ moment: Moment) -> Moment {
    Moment(monotonic: moment.monotonic, wall: wrong(moment.wall), clock: quality)
  }

  func wrong(_ next: Alert.Next) -> Alert.Next {
    Alert.Next(step: next.step, at: wrong(next.at), earliest: wrong(next.earliest), latest: wrong(next.latest))
  }

  func wrong(_ alert: Alert) -> Alert {
    var wrong = alert
    wrong.onset = self.wrong(alert.onset)
    wrong.detected = self.wrong(alert.detected)
    wrong.expires = self.wrong(alert.expires)
    wrong.until = alert.until.map { self.wrong($0) }
    wrong.observed?.next = alert.observed?.next.map { self.wrong($0) }
    wrong.acknowledged = alert.acknowledged.map {
      Alert.Acknowledgement(
        authority: $0.authority, at: self.wrong($0.at), until: self.wrong($0.until), cause: $0.cause)
    }
    return wrong
  }

  func wrong(_ notice: Notice) -> Notice {
    var wrong = notice
    wrong.detected = self.wrong(notice.detected)
    if notice.hasBeenSeen { wrong.lastSeen = self.wrong(notice.lastSeen) }
    return wrong
  }

  func wrong(_ report: Effects.ObservationReport) -> Effects.ObservationReport {
    var wrong = report
    wrong.at = self.wrong(report.at)
    wrong.next = report.next.map { self.wrong($0) }
    if let sums = report.sums {
      func shifted(_ sum: RainSums.ByClock?) -> RainSums.ByClock? {
        sum.map { RainSums.ByClock(millimetres: $0.millimetres, time: self.wrong($0.time)) }
      }
      wrong.sums?.tenMinutesByClock = shifted(sums.tenMinutesByClock)
      wrong.sums?.today = shifted(sums.today)
      wrong.sums?.sinceItBegan = shifted(sums.sinceItBegan)
      wrong.sums?.countedSince = self.wrong(sums.countedSince)
    }
    return wrong
  }

  /// From 1970, as after a boot without a clock chip; yesterday, as with a saved time; and a chip that ran ahead.
  static let all = [
    WrongClock(behind: 56 * 365 * 86_400 + 7 * 3600 + 60 * 11, quality: .unsynchronized),
    WrongClock(behind: 18 * 3600 + 60, quality: .unsynchronized),
    WrongClock(behind: 35, quality: .rtc), WrongClock(behind: -3 * 3600, quality: .rtc),
  ]
}
