/// Why a command whose signature is good is refused: answered with a word of an open list, and in plain words that say
/// what to do.
public struct CommandRejection: Error, Sendable, Hashable {
  /// The words of `reason` that are decided before the station is asked.
  public enum Word: String, Sendable, Hashable, CaseIterable {
    /// It says less or more than a command says, or says it wrongly.
    case malformed
    case wrongRoot = "wrong_root"
    case notAddressed = "not_addressed"
    /// Issued more than 60 s ahead of this gateway's clock.
    case fromFuture = "from_future"
    case expired
    /// It could be carried out for more than 24 hours, or what it asks for would last longer.
    case tooLong = "too_long"
    case withoutRight = "without_right"
    /// While the clock is not synchronized, or soon after a loss of state: it must name the boot.
    case bootNeeded = "boot_needed"
    /// It names another boot.
    case wrongBoot = "wrong_boot"
    /// Its id was used for another command.
    case idUsed = "id_used"
    /// It may have been done before the memory of commands was lost.
    case memoryLost = "memory_lost"
    /// More ids cannot be remembered, and none may be forgotten.
    case memoryFull = "memory_full"
    case unknownTagKey = "unknown_tag_key"
    /// Tags are known by the watch list's key, and there is no list.
    case noWatchList = "no_watch_list"
    case unknownSubject = "unknown_subject"
    /// The configuration that was to be read again cannot be used.
    case badConfiguration = "bad_configuration"
    /// A reload would lose what the ledger could not write.
    case ledgerFailing = "ledger_failing"
    /// A reload would wait for a disk that is slow to answer.
    case ledgerBusy = "ledger_busy"
  }

  /// The word, such as `expired`.
  public let word: String

  /// Whether the same command might be carried out at another time or with another configuration.
  var mightPassLater: Bool {
    switch Word(rawValue: word) {
    case .malformed, .expired, .tooLong, .wrongBoot, .memoryLost, nil: false
    default: true
    }
  }

  /// What is wrong and what to do.
  public let explanation: String

  init(_ word: Word, _ explanation: String) {
    self.word = word.rawValue
    self.explanation = explanation
  }

  init(word: String, explanation: String) {
    self.word = word
    self.explanation = explanation
  }
}

/// Why a message on a command's topic is passed over without an answer: an answer would tell whoever forges that somebody
/// listens, and cost as much as a forgery.
public enum CommandNeglect: String, Error, Sendable, Hashable, CaseIterable {
  /// It came as a retained message: it may be from any time.
  case retained
  /// No JWS of an authority of this gateway, or not its signature.
  case unsigned
  /// Signed, but without an id that could be answered to.
  case unreadable
}
