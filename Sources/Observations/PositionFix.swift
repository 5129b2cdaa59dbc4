/// Where a moving board is, as its satellite receiver says.
public struct PositionFix: Sendable, Hashable, Codable {
  /// In steps of a ten-millionth of a degree, about 1 cm.
  public let position: Position
  /// When the receiver was there, by the satellites' clock; nil where it has not told the date yet.
  public let time: WallTime?
  /// Estimated horizontal error in metres; nil where the receiver says nothing of it.
  public let accuracy: Measure?

  public init(position: Position, time: WallTime?, accuracy: Measure?) {
    self.position = position
    self.time = time
    self.accuracy = accuracy
  }
}
