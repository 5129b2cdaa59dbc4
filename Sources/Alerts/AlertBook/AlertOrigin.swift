public import Observations

/// What an id is made from: enough to tell any two alerts and notices of one gateway apart.
///
/// Live running makes a random id; a replay hashes this, so that the same recording gives the same ids.
public struct AlertOrigin: Sendable, Hashable {
  public let gateway: String
  /// The sensor, or for a notice the place and the subject joined by a slash.
  public let source: String
  /// The kind's word on the wire.
  public let kind: String
  public let onset: WallTime
  /// Counts what this station raised, from 1.
  public let ordinal: UInt64

  public init(gateway: String, source: String, kind: String, onset: WallTime, ordinal: UInt64) {
    self.gateway = gateway
    self.source = source
    self.kind = kind
    self.onset = onset
    self.ordinal = ordinal
  }
}
