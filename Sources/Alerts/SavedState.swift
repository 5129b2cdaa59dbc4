/// One part of the station's memory that outlives a restart: a detector's state, or the book's.
public struct SavedState: Sendable, Hashable, Codable {
  /// Names the part: a later state of the same key replaces the earlier.
  public var key: String

  public init(key: String) {
    self.key = key
  }
}
