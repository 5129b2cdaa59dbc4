/// The keys that this version reads and checks but does not act on yet: all of them, and nowhere else.
///
/// Whoever makes one work deletes its case here, and the compiler shows what to delete with it.
enum AcceptedButIdle: String, CaseIterable {
  case floodRise = "flood.rise"
  case floodForecast = "flood.forecast"
  case rainAmounts = "rain.amounts"
  case fiware
  case commands = "authority.may"
  case watchlistFromBroker = "watchlist.group"

  /// What the gateway does as long as it does not act on the key.
  var meanwhile: String {
    switch self {
    case .floodRise: "only the levels of this gauge raise alerts"
    case .floodForecast: "no alert says when the next level will be reached"
    case .rainAmounts: "rain is published as an observation and raises no alert"
    case .fiware: "nothing is sent to an IoT Agent"
    case .commands: "every command is refused; of the rights only watchlist is used"
    case .watchlistFromBroker: "bring the signed list by hand and name it as file"
    }
  }
}

extension TableReader {
  /// Warns that `key` is accepted and has no effect yet.
  func idle(_ feature: AcceptedButIdle, _ key: String) {
    problems.warning(
      name(key), at: table.entry(key)?.keyPosition ?? table.position,
      "\(path.isEmpty ? "[\(key)]" : key) is accepted but not acted on in this version", advice: feature.meanwhile)
  }
}
