public import Observations

/// A `[[rain]]`: how a gauge's tips are added up, and which sums are alerts.
public struct RainRule: Sendable, Hashable {
  /// So much rain in such a time is an alert.
  public struct Amount: Sendable, Hashable {
    /// Millimetres; reaching it is enough.
    public let amount: Measure
    /// A window that ends now and moves with the time.
    public let within: TimeSpan
    public let severity: Severity
    /// Once reached it stays in force for at least so long, so that it is not said again sooner.
    public let suppress: TimeSpan

    public init(amount: Measure, within: TimeSpan, severity: Severity, suppress: TimeSpan) {
      self.amount = amount
      self.within = within
      self.severity = severity
      self.suppress = suppress
    }
  }

  public let sensor: SensorID
  /// In the order of the text.
  public let amounts: [Amount]
  /// After so long without a tip the next one begins another rain.
  public let dryGap: TimeSpan
  /// When the day of the daily sum begins, after midnight on the local clock.
  public let dayStarts: TimeSpan

  /// Six hours without rain end it: what the control of landslides in Japan goes by.
  public static let usualDryGap = TimeSpan.hours(6)

  public init(
    sensor: SensorID, amounts: [Amount], dryGap: TimeSpan = RainRule.usualDryGap, dayStarts: TimeSpan = .zero
  ) {
    self.sensor = sensor
    self.amounts = amounts
    self.dryGap = dryGap
    self.dayStarts = dayStarts
  }
}
