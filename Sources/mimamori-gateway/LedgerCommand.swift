import ArgumentParser
import Delivery
import Gateway
import Observations

/// `ledger`: what was raised, when it was acknowledged, and whether nothing is missing. Works while the gateway runs.
struct LedgerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Shows, proves, exports or marks what this gateway has raised and measured.",
    subcommands: [Show.self, Verify.self, Export.self, Mark.self])

  /// The configuration, for its state folder and its time zone.
  struct Source: ParsableArguments {
    @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
    var config: String

    @Option(
      help: ArgumentHelp(
        "Another ledger's file, such as one that was set aside as damaged: what is readable of it is read.",
        valueName: "file"))
    var ledger: String?

    func load() throws(GatewayError) -> GatewayConfiguration {
      let check = try ConfigurationChecker.check(path: config)
      guard let configuration = check.configuration else {
        throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(config): mend the errors above")
      }
      return configuration
    }

    func open(_ configuration: GatewayConfiguration) throws(GatewayError) -> LedgerReader {
      try Self.explaining { () throws(DeliveryError) in
        if let ledger { return try LedgerReader(path: ledger) }
        return try LedgerReader(stateFolder: configuration.gateway.stateFolder)
      }
    }

    /// Says what could not be read, and where damaged ledgers lie.
    func tellDamage(_ reader: LedgerReader, _ configuration: GatewayConfiguration) throws {
      if let damage = reader.damageFound {
        StandardStreams.report("warning: damaged pages were left out (\(damage)): what is shown is not all.")
      }
      guard ledger == nil else { return }
      for path in LedgerReader.setAside(in: configuration.gateway.stateFolder) {
        StandardStreams.report("note: a damaged ledger was set aside: read it with --ledger \(path)")
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

  /// `ledger show`: one line a message or an action of an output, the newest last.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Lists messages and when the broker acknowledged each, and what outputs did and why; the newest last.")

    @OptionGroup var source: Source

    @Option(
      help: ArgumentHelp("Only this stream: alert, command, outputs, or a person's pseudonym.", valueName: "name"))
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
        let actions =
          stream == nil || stream == "outputs"
          ? try Source.explaining { () throws(DeliveryError) in try reader.actions(limit: limit) } : []
        let marks =
          stream == nil || stream == "alert"
          ? try Source.explaining { () throws(DeliveryError) in try reader.marks() } : []
        let lines =
          rows.map { (at: $0.createdMilliseconds, text: line($0, zone)) }
          + marks.map { (at: $0.wallMilliseconds, text: line($0, zone)) }
          + actions.map { (at: $0.wallMilliseconds, text: line($0, zone)) }
        // Both are in their order already; what happened in one millisecond stays so.
        let sorted = lines.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
        for line in sorted.suffix(limit) { try StandardStreams.output(line.element.text) }
        try source.tellDamage(reader, configuration)
      }
    }

    private func line(_ mark: AlertMark, _ zone: TimeZoneOffsets) -> String {
      "\(WallTime(milliseconds: mark.wallMilliseconds).rfc3339(in: zone))  mark  \(mark.alert)  \(mark.cause)  by \(mark.by)"
    }

    private func line(_ action: OutputAction, _ zone: TimeZoneOffsets) -> String {
      var parts = [
        WallTime(milliseconds: action.wallMilliseconds).rfc3339(in: zone), "output \(action.output)",
        action.isOn ? "on" : "off", action.cause,
      ]
      if !action.by.isEmpty { parts.append("by \(action.by.joined(separator: ", "))") }
      if let until = action.untilMilliseconds {
        parts.append("until \(WallTime(milliseconds: until).rfc3339(in: zone))")
      }
      return parts.joined(separator: "  ")
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
      let note = row.note.map { "  \($0)" } ?? ""
      return
        "\(stored)  \(row.stream) \(number)  \(row.id) revision \(row.revision)  \(row.length) bytes  \(progress)\(note)"
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
        let configuration = try source.load()
        let reader = try source.open(configuration)
        let proof = try Source.explaining { () throws(DeliveryError) in
          try reader.verify(digest: { SHA256Hash.digest(of: $0) })
        }
        try StandardStreams.output("epoch \(proof.epoch)" + (proof.previousEpoch.map { ", after \($0)" } ?? ""))
        for stream in proof.streams { try StandardStreams.output(line(stream)) }
        for damage in proof.damage { try StandardStreams.output("damage: \(damage)") }
        try StandardStreams.output(line(proof.chain))
        for found in proof.chain?.breaks ?? [] { try StandardStreams.output("broken: \(found)") }
        try source.tellDamage(reader, configuration)
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
      for numbers in stream.unstored {
        parts.append("\(numbers.lowerBound) to \(numbers.upperBound) sent from memory and never stored")
      }
      return parts.joined(separator: "; ")
    }

    private func line(_ chain: LedgerChainProof?) -> String {
      guard let chain else {
        return "no hashes: the contents are not proven; the gateway adds hashes from its next start on"
      }
      var parts = ["chain: \(chain.links) links, head \(chain.head)"]
      if chain.closed > 0 { parts.append("\(chain.closed) of messages removed as old or drafts replaced") }
      if chain.unproven > 0 {
        parts.append("contents are proven from row \(chain.provenFromRow) on; \(chain.unproven) older messages are not")
      }
      return parts.joined(separator: "; ")
    }
  }
}
