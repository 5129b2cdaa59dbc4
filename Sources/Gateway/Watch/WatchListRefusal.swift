/// Why a watch list is refused. It is refused whole, and the one in use stays.
public struct WatchListRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kind of refusal, as a word for health and replies. An open list on the wire.
  public enum Reason: String, Sendable, Hashable, CaseIterable {
    /// Wrongly signed, not signed, or by someone who may not.
    case signature
    case malformed
    /// Longer than a list, a manifest or a part may be, or with too many tags.
    case tooLong = "too_long"
    case wrongRoot = "wrong_root"
    case wrongGroup = "wrong_group"
    /// Its revision is lower than the accepted one's.
    case older
    case expired
    /// Hashed under a key that this board does not have.
    case unknownTagKey = "unknown_tag_key"
    /// A part is not there, or one is there that the manifest does not name.
    case incomplete
    /// A part is not the one that was signed.
    case altered
    case duplicateTag = "duplicate_tag"
    /// A place of this gateway that the configuration does not have.
    case unknownPlace = "unknown_place"
    /// Two entries say different things about one person.
    case contradiction
  }

  public let reason: Reason
  /// "Failed to accept the watch list: <what is wrong>: <what to do>".
  public let description: String

  init(_ reason: Reason, _ problem: String, _ advice: String) {
    self.reason = reason
    description = "Failed to accept the watch list: \(problem): \(advice)"
  }

  init(_ error: SigningError) {
    reason = if case .tooLong = error { .tooLong } else { .signature }
    description = "Failed to accept the watch list: \(error)"
  }
}
