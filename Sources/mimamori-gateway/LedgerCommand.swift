import ArgumentParser
import Delivery
import Gateway
import Observations

/// `ledger`: what was raised, when it was acknowledged, and whether nothing is missing. Works while the gateway runs.
struct LedgerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Shows or proves what this gateway has raised.",
    subcommands: [Show.self, Verify.self])

  /// The configuration, for its state folder and its time zone.
  struct Source: ParsableArguments {
    @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
    var config: String

    func load() throws(GatewayError) -> GatewayConfiguration {
      let check = try ConfigurationChecker.check(path: config)
      guard let configuration = check.configuration else {
        throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(config): mend the errors above")
      }
      return configuration
    }

    func open(_ configuration: GatewayConfiguration) throws(GatewayError) -> LedgerReader {
      try Self.explaining { () throws(DeliveryError) in
        try LedgerReader(stateFolder: configuration.gateway.stateFolder)
      }
    }

    static func explaining<Result>(_ work: () throws(DeliveryError) -> Result) throws(GatewayError) -> Result {
      do {
        return try work()
      } catch {
        throw GatewayError(GatewayError.ExitStatus(rawValue: error.exitStatus) ?? .bug, "\(error)")
      }
    }
  }

  /// `ledger show`: one line a message, the newest last.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Lists messages and when the broker acknowledged each; the newest last.")

    @OptionGroup var source: Source

    @Option(help: ArgumentHelp("Only this stream: alert, or a person's pseudonym.", valueName: "name"))
    var stream: String?

    @Option(help: ArgumentHelp("At most so many messages.", valueName: "count"))
    var limit = 100

    func validate() throws {
      guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit takes 1 to 1000000.") }
    }

    func run() throws {
      try StandardStreams.reportingErrors {
        let configuration = try source.load()
        let reader = try source.open(configuration)
        let rows = try Source.explaining { () throws(DeliveryError) in
          try reader.rows(stream: stream, limit: limit)
        }
        let zone = (try? TimeZoneTable.offsets(of: configuration.gateway.timezone)) ?? .fixed(seconds: 0)
        for row in rows { try StandardStreams.output(line(row, zone)) }
      }
    }

    private func line(_ row: LedgerRow, _ zone: TimeZoneOffsets) -> String {
      let stored = WallTime(milliseconds: row.createdMilliseconds).rfc3339(in: zone)
      let progress =
        switch row.progress {
        case .stored: "waiting"
        case .frozen: "handed over"
        case .givenUp: "given up"
        case .acknowledged(let milliseconds):
          "acknowledged \(WallTime(milliseconds: milliseconds).rfc3339(in: zone))"
        }
      let number = row.sequence.map { "\($0)" } ?? "-"
      return "\(stored)  \(row.stream) \(number)  \(row.id) revision \(row.revision)  \(row.length) bytes  \(progress)"
    }
  }

  /// `ledger verify`: proves each stream whole.
  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify",
      abstract: "Proves that no number of any stream is missing; ends with 1 if one is.")

    @OptionGroup var source: Source

    func run() throws {
      try StandardStreams.reportingErrors {
        let reader = try source.open(try source.load())
        let proof = try Source.explaining { () throws(DeliveryError) in try reader.verify() }
        try StandardStreams.output("epoch \(proof.epoch)" + (proof.previousEpoch.map { ", after \($0)" } ?? ""))
        for stream in proof.streams { try StandardStreams.output(line(stream)) }
        for damage in proof.damage { try StandardStreams.output("damage: \(damage)") }
        guard proof.isWhole else {
          throw GatewayError(
            .checkFailed, "The ledger is not whole: keep a copy of the state folder and compare with what was received")
        }
        try StandardStreams.output("whole")
      }
    }

    private func line(_ stream: LedgerProof.Stream) -> String {
      var parts = ["\(stream.stream): 1 to \(stream.last), delivered through \(stream.deliveredThrough)"]
      if stream.prunedThrough > 0 { parts.append("history through \(stream.prunedThrough) removed as old") }
      if stream.givenUp > 0 { parts.append("\(stream.givenUp) given up") }
      if !stream.missing.isEmpty {
        parts.append("MISSING " + stream.missing.prefix(10).map { "\($0)" }.joined(separator: ", "))
      }
      return parts.joined(separator: "; ")
    }
  }
}
