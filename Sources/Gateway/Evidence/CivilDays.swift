public import Observations

/// Days and months of the local calendar as ranges of time.
public enum CivilDays {
  /// Local midnight at the beginning of `YYYY-MM-DD`; nil for what is no date.
  public static func start(of day: String, in zone: TimeZoneOffsets) -> WallTime? {
    guard day.utf8.count == 10, let universal = WallTime(rfc3339: "\(day)T00:00:00Z") else { return nil }
    return local(universal, in: zone)
  }

  /// From local midnight of the first day of `YYYY-MM` up to that of the next month; nil for what is no month.
  public static func month(_ month: String, in zone: TimeZoneOffsets) -> Range<WallTime>? {
    guard month.utf8.count == 7, let start = start(of: "\(month)-01", in: zone),
      let firstDay = WallTime(rfc3339: "\(month)-01T00:00:00Z")
    else { return nil }
    // The 32nd day of a month lies in the next one.
    let next = CivilTime(firstDay + .hours(24 * 31), in: .fixed(seconds: 0))
    let monthText = next.month < 10 ? "0\(next.month)" : String(next.month)
    guard let end = Self.start(of: "\(next.year)-\(monthText)-01", in: zone) else { return nil }
    return start..<end
  }

  /// The moment at which clocks of the zone show what clocks in Greenwich show at `universal`.
  private static func local(_ universal: WallTime, in zone: TimeZoneOffsets) -> WallTime {
    let guess = universal - .seconds(Int64(zone.seconds(at: universal)))
    return universal - .seconds(Int64(zone.seconds(at: guess)))
  }
}
