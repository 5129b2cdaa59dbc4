import Observations

extension FaultCause {
  /// Which words tell this cause to people: [cause.…] of the catalogue.
  var wordingGroup: String {
    switch self {
    case .timeout, .lateReply, .silent, .deaf: "no_answer"
    case .garbledReply, .deviceException, .edgesLost: "bad_answer"
    case .outOfRange, .blindZone, .noTarget: "implausible"
    case .implausibleRate: "unsteady"
    case .stuck: "stuck"
    case .contradicting: "contradicting"
    case .noisy: "noisy"
    case .filteredOut: "filtered_out"
    case .cableBreak, .shortCircuit: "wiring"
    case FaultCause(rawValue: "not_switched"), FaultCause(rawValue: "wrong_device"): "not_switched"
    case .portMissing, .portBusy, .portLost, .portError: "port"
    default: "other"
    }
  }
}
