extension ConfigurationReader {
  /// A year and a month, for a yearly report; at the usual ten minutes about 15 MB for six sensors.
  func readHistory(_ reader: TableReader?) -> HistorySettings {
    let days = reader?.integer("observation_days", in: 0...3_660)
    let rows = reader?.integer("observation_rows", in: 1_000...100_000_000)
    reader?.finish()
    return HistorySettings(observationDays: days ?? 400, observationRows: rows ?? 1_000_000)
  }
}
