/// Why the delivery could not start. Once it runs, nothing stops it: troubles are logged and shown in the statistics.
public struct DeliveryError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of trouble, each with the exit status of `sysexits.h` that fits.
  public enum Kind: Sendable, Hashable {
    /// The state folder or the ledger cannot be made.
    case cannotCreate
    /// Reading or writing failed.
    case inputOutput
    /// Another process holds the ledger.
    case alreadyRunning
    /// The ledger was written by a newer version of the program.
    case newerVersion
    /// The permissions forbid it.
    case noPermission
    /// A file that is to be read is not there.
    case missing
  }

  public let kind: Kind
  /// "Failed to <verb> <object>: <reason>: <what to do>".
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// The exit status of `sysexits.h`: 66, 73, 74, 75 or 77.
  public var exitStatus: Int32 {
    switch kind {
    case .missing: 66
    case .cannotCreate: 73
    case .inputOutput, .newerVersion: 74
    case .alreadyRunning: 75
    case .noPermission: 77
    }
  }
}
