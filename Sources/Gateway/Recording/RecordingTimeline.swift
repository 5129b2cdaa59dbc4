import Observations

/// Puts the lines of a recording on one clock that never goes back.
///
/// With `mono`, `mono` orders and `time` may step; without, `time` orders. A new boot, whose monotonic clock begins anew,
/// is joined by the wall clock.
struct RecordingTimeline: Sendable {
  private enum Order { case unknown, monotonic, wall }

  /// Two clocks of one boot differ by less than this over a pause, unless the wall clock was set.
  private static let sameBootDrift = TimeSpan.seconds(2)

  private var order = Order.unknown
  private var last: Moment?
  private var boot: String?
  /// What is added to the line's `mono`, in nanoseconds.
  private var offset: Int64 = 0
  /// Wall time minus monotonic time, in milliseconds, as last seen.
  private var wallOffset: Int64?
  /// How far the wall clock could be trusted, as last said.
  private var quality = ClockQuality.synchronized

  mutating func goOn(from moment: Moment) {
    last = moment
    wallOffset = moment.wall.milliseconds - moment.monotonic.nanoseconds / 1_000_000
  }

  mutating func moment(of line: RecordingLine) throws(RecordingProblem) -> Moment {
    if let clock = line.clock { quality = clock }
    if let monotonic = line.monotonic {
      return try ordered(monotonic, wall: line.wall, boot: bootStarted(by: line))
    }
    guard let wall = line.wall else { throw RecordingProblem("the line has no time") }
    if order == .monotonic {
      // A line without `mono` among others that have it: it stands where the wall clock was at last.
      let known = wallOffset ?? wall.milliseconds - (last?.monotonic.nanoseconds ?? 0) / 1_000_000
      return try advance(
        to: Moment(
          monotonic: MonotonicTime(nanoseconds: (wall.milliseconds - known) * 1_000_000), wall: wall,
          clock: quality))
    }
    order = .wall
    wallOffset = 0
    return try advance(
      to: Moment(
        monotonic: MonotonicTime(nanoseconds: wall.milliseconds * 1_000_000), wall: wall, clock: quality))
  }

  private func bootStarted(by line: RecordingLine) -> String? {
    guard case .event("start", let boot) = line.content else { return nil }
    return boot
  }

  private mutating func ordered(
    _ monotonic: MonotonicTime, wall: WallTime?, boot started: String?
  ) throws(RecordingProblem) -> Moment {
    let isNewBoot = started != nil && boot != nil && started != boot
    if let started { boot = started }
    if let last, order != .monotonic || isNewBoot {
      try join(monotonic, wall: wall, to: last, isNewBoot: isNewBoot)
    }
    order = .monotonic
    let time = MonotonicTime(nanoseconds: monotonic.nanoseconds + offset)
    if let wall { wallOffset = wall.milliseconds - time.nanoseconds / 1_000_000 }
    let shown = wall ?? WallTime(milliseconds: (wallOffset ?? 0) + time.nanoseconds / 1_000_000)
    return try advance(
      to: Moment(monotonic: time, wall: shown, clock: wallOffset == nil ? .unsynchronized : quality))
  }

  /// Lays another monotonic clock to the end of what was read: by the wall clock where both have it.
  private mutating func join(
    _ monotonic: MonotonicTime, wall: WallTime?, to last: Moment, isNewBoot: Bool
  ) throws(RecordingProblem) {
    // The state of an earlier replay of the same boot: its clock goes on.
    if order == .unknown, !isNewBoot, monotonic >= last.monotonic {
      let difference = wall.map { ($0 - last.wall) - (monotonic - last.monotonic) } ?? .zero
      if difference.nanoseconds.magnitude <= Self.sameBootDrift.nanoseconds.magnitude { return }
    }
    guard let wall else {
      guard isNewBoot || order == .unknown else {
        throw RecordingProblem("\"mono\" without \"time\" in a recording that \"time\" has ordered so far")
      }
      offset = max(last.monotonic.nanoseconds - monotonic.nanoseconds, offset)
      return
    }
    let elapsed = max(wall - last.wall, .zero)
    offset = (last.monotonic + elapsed).nanoseconds - monotonic.nanoseconds
  }

  private mutating func advance(to moment: Moment) throws(RecordingProblem) -> Moment {
    if let last, moment.monotonic < last.monotonic {
      let back = Double((last.monotonic - moment.monotonic).milliseconds) / 1000
      throw RecordingProblem("out of order: \(back) s before the line above")
    }
    last = moment
    return moment
  }
}
