public import Observations

/// What a rain gauge's tips add up to at one moment, in millimetres.
public struct RainSums: Sendable, Hashable {
  /// A sum that goes by the clock.
  public struct ByClock: Sendable, Hashable {
    public var millimetres: Measure
    /// The end of the ten minutes; of the others the beginning.
    public var time: WallTime

    public init(millimetres: Measure, time: WallTime) {
      self.millimetres = millimetres
      self.time = time
    }
  }

  /// Of the windows that end now.
  public var tenMinutes: Measure
  public var hour: Measure
  public var threeHours: Measure
  public var day24Hours: Measure
  /// Of the last ten minutes from :00, :10, … that are over. Nil: none is yet.
  public var tenMinutesByClock: ByClock?
  /// Since the day of the configuration began.
  public var today: ByClock?
  /// Since this rain began; nil while it does not rain.
  public var sinceItBegan: ByClock?
  /// The soil water index, a reference for staff.
  public var soilWaterIndex: Measure
  /// Since when no tip can have been missed: the gateway ran, the line was sound and no edge was lost.
  public var countedSince: WallTime
  /// The names of the sums that reach further back than that, or through a clock that was set.
  public var incomplete: [String]

  public init(
    tenMinutes: Measure, hour: Measure, threeHours: Measure, day24Hours: Measure, tenMinutesByClock: ByClock?,
    today: ByClock?, sinceItBegan: ByClock?, soilWaterIndex: Measure, countedSince: WallTime, incomplete: [String]
  ) {
    self.tenMinutes = tenMinutes
    self.hour = hour
    self.threeHours = threeHours
    self.day24Hours = day24Hours
    self.tenMinutesByClock = tenMinutesByClock
    self.today = today
    self.sinceItBegan = sinceItBegan
    self.soilWaterIndex = soilWaterIndex
    self.countedSince = countedSince
    self.incomplete = incomplete
  }
}
