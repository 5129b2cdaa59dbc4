/// Why a command of the gateway ends without having done its work.
public struct GatewayError: Error, Sendable, CustomStringConvertible {
  /// The exit statuses of `sysexits.h` that the programs use, with their documented meaning.
  public enum ExitStatus: Int32, Sendable {
    /// A check, a walk test or a proof failed.
    case checkFailed = 1
    case wrongUsage = 64
    /// Input data, such as a recording, is bad.
    case badInputData = 65
    case inputMissing = 66
    /// A needed service is unavailable.
    case serviceUnavailable = 69
    case bug = 70
    case cannotCreateOutput = 73
    case inputOutputFailed = 74
    case alreadyRunning = 75
    case noPermission = 77
    case badConfiguration = 78
  }

  public let status: ExitStatus
  /// "Failed to <verb> <object>: <reason>: <what to do>".
  public let description: String

  public init(_ status: ExitStatus, _ description: String) {
    self.status = status
    self.description = description
  }
}
