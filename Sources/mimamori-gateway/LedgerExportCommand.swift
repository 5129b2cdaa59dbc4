import ArgumentParser
import Delivery
import Gateway
import Observations

extension LedgerCommand {
  /// `ledger export`: the observations as open data, or the evidence of a month.
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "export",
      abstract: "Writes the kept observations as open data (CSV), or the summary of a month.",
      discussion: """
        The CSV is UTF-8 with one header line. Days and months are those of the gateway's time zone. Works while the \
        gateway runs; of the last ten minutes some observations may not be written yet.
        """)

    @OptionGroup var source: Source

    @Option(help: ArgumentHelp("Only from this day on, such as 2026-11-01.", valueName: "day"))
    var from: String?

    @Option(help: ArgumentHelp("Only up to and with this day.", valueName: "day"))
    var to: String?

    @Option(
      help: ArgumentHelp(
        "Instead: how a month went, such as 2026-11: uptime, alerts, gaps, as Markdown.", valueName: "month"))
    var summary: String?

    func validate() throws {
      if summary != nil, from != nil || to != nil {
        throw ValidationError("--summary is about a whole month: leave --from and --to out.")
      }
      let utc = TimeZoneOffsets.fixed(seconds: 0)
      for day in [from, to] {
        if let day, CivilDays.start(of: day, in: utc) == nil {
          throw ValidationError("\(day) is no day: write it as 2026-11-01.")
        }
      }
      if let summary, CivilDays.month(summary, in: utc) == nil {
        throw ValidationError("\(summary) is no month: write it as 2026-11.")
      }
    }

    func run() throws {
      try StandardStreams.reportingErrors {
        let configuration = try source.load()
        let reader = try source.open(configuration)
        let zone = (try? TimeZoneTable.offsets(of: configuration.gateway.timezone)) ?? .fixed(seconds: 0)
        if let summary {
          try writeSummary(of: summary, configuration, reader, zone)
        } else {
          try writeObservations(configuration, reader, zone)
        }
        try source.tellDamage(reader, configuration)
      }
    }

    private func writeObservations(
      _ configuration: GatewayConfiguration, _ reader: LedgerReader, _ zone: TimeZoneOffsets
    ) throws {
      let start = from.flatMap { CivilDays.start(of: $0, in: zone) }?.milliseconds ?? .min
      // From noon of the last day, 24 hours later is the next day in every zone.
      let end =
        to.flatMap { CivilDays.start(of: $0, in: zone) }
        .flatMap { CivilDays.start(of: String(($0 + .hours(36)).rfc3339(in: zone).prefix(10)), in: zone) }?
        .milliseconds ?? .max
      guard start < end else { throw GatewayError(.wrongUsage, "Failed to export: --to lies before --from") }
      let table = OpenDataTable(configuration, zone: zone)
      try StandardStreams.output(OpenDataTable.header)
      var row: Int64 = 0
      while true {
        let page = try Source.explaining { () throws(DeliveryError) in
          try reader.observations(in: start..<end, after: row)
        }
        guard let last = page.last else { return }
        row = last.row
        try StandardStreams.output(page.map { table.row($0.record) }.joined(separator: "\n"))
      }
    }

    private func writeSummary(
      of month: String, _ configuration: GatewayConfiguration, _ reader: LedgerReader, _ zone: TimeZoneOffsets
    ) throws {
      let runs = try Source.explaining { () throws(DeliveryError) in try reader.runs() }
      guard var evidence = EvidenceSummary(configuration, zone: zone, month: month, runs: runs) else {
        throw GatewayError(.wrongUsage, "Failed to read --summary \(month): write a month as 2026-11")
      }
      try Source.explaining { () throws(DeliveryError) in
        try reader.alertMessages(in: evidence.milliseconds) { evidence.add(message: $0) }
        for mark in try reader.marks() { evidence.add(mark) }
      }
      try StandardStreams.output(evidence.text)
    }
  }
}
