import Alerts
import ArgumentParser
import Delivery
import Gateway
import Glibc
import Observations

extension LedgerCommand {
  /// `ledger mark`: says what an alert was, also when it is over.
  struct Mark: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "mark",
      abstract: "Says what an alert was found to be, such as a false alarm; also when it is over.",
      discussion: """
        Kept in the ledger with who said so and when, and never sent. 'ledger show' and the summary of a month use the last \
        mark of each alert. Works while the gateway runs; run it as the gateway's user.
        """)

    @OptionGroup var source: Source

    @Argument(help: "The alert's id, as 'ledger show --stream alert' has it.")
    var alert: String
    @Argument(help: "What it was: real, false_alarm, test, or another word of a-z, 0-9 and underscores.")
    var cause: String
    @Option(help: ArgumentHelp("Who says so; the account that runs the command unless given.", valueName: "name"))
    var by: String?

    func validate() throws {
      guard Alerts.Alert.Acknowledgement.isCause(cause) else {
        throw ValidationError("'\(cause)' is no word of 1 to 40 characters of a-z, 0-9 and underscores.")
      }
      if let by, !(1...64).contains(by.count) || by.unicodeScalars.contains(where: { $0.value < 0x20 }) {
        throw ValidationError("--by has 1 to 64 characters, on one line.")
      }
    }

    /// Who is logged in, behind sudo too.
    private static func account() -> String {
      for name in ["SUDO_USER", "LOGNAME", "USER"] {
        guard let value = unsafe getenv(name) else { continue }
        let text = unsafe String(cString: value)
        if (1...64).contains(text.count), !text.unicodeScalars.contains(where: { $0.value < 0x20 }) { return text }
      }
      return "uid \(getuid())"
    }

    func run() throws {
      try StandardStreams.reportingErrors {
        let configuration = try source.load()
        var clock = SystemClock()
        let mark = AlertMark(
          alert: alert, cause: cause, by: by ?? Self.account(),
          wallMilliseconds: clock.now().wall.milliseconds)
        try Source.explaining { () throws(DeliveryError) in
          try LedgerMarker(stateFolder: configuration.gateway.stateFolder).write(mark)
        }
        try StandardStreams.output("\(mark.alert) marked as \(mark.cause) by \(mark.by)")
      }
    }
  }
}
