import Foundation
import Gateway
import Observations
import Testing

@Suite struct `A time zone` {
  @Test func `of Japan never changes`() throws {
    #expect(try TimeZoneTable.offsets(of: "Asia/Tokyo") == .fixed(seconds: 9 * 3600))
  }

  @Test(arguments: [
    ("America/New_York", "2026-03-08T06:59:59Z", "2026-03-08T01:59:59-05:00"),
    ("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00"),
    ("America/New_York", "2026-11-01T05:59:59Z", "2026-11-01T01:59:59-04:00"),
    ("America/New_York", "2026-11-01T06:00:00Z", "2026-11-01T01:00:00-05:00"),
    ("America/New_York", "2006-03-20T12:00:00Z", "2006-03-20T07:00:00-05:00"),
    ("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"),
    ("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00"),
    ("Europe/Berlin", "2099-07-01T00:00:00Z", "2099-07-01T02:00:00+02:00"),
    ("Europe/Berlin", "2099-12-01T00:00:00Z", "2099-12-01T01:00:00+01:00"),
    ("Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01T05:45:00+05:45"),
    ("Australia/Lord_Howe", "2050-01-01T00:00:00Z", "2050-01-01T11:00:00+11:00"),
    ("UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"),
  ])
  func `tells local time`(zone: String, instant: String, local: String) throws {
    let time = try #require(WallTime(rfc3339: instant))
    #expect(time.rfc3339(in: try TimeZoneTable.offsets(of: zone)) == local)
  }

  @Test(arguments: [
    "Asia/Tokio", "", "/etc/passwd", "../../../etc/passwd", "Asia", "Asia/", "tzdata.zi", "zone.tab", "Asia//Tokyo",
    "right/Asia/Tokyo/x", "東京",
  ])
  func `that is not in the database is refused`(name: String) {
    let error = #expect(throws: TimeZoneTableError.self) { try TimeZoneTable.offsets(of: name) }
    #expect(error?.reason == .unknownName)
  }

  /// The C library is the other reader of the same files: `date` tells what it makes of them.
  @Test(arguments: [
    "Asia/Tokyo", "America/New_York", "Europe/London", "Europe/Dublin", "Africa/Casablanca", "Asia/Gaza",
    "America/Godthab", "Australia/Lord_Howe", "America/Santiago", "Asia/Tehran", "Pacific/Apia", "Africa/Cairo",
    "America/Sao_Paulo", "Antarctica/Troll", "Asia/Pyongyang",
  ])
  func `agrees with the C library from 1990 to 2100`(zone: String) throws {
    let table = try TimeZoneTable.offsets(of: zone)
    let first = try #require(WallTime(rfc3339: "1990-01-02T00:00:00Z")).milliseconds / 1000
    // Every 31 hours, so that all hours of all seasons are met.
    let instants = (0..<31_000).map { first + Int64($0) * 31 * 3600 }
    let process = Process()
    process.executableURL = URL(filePath: "/bin/date")
    let input = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(instants.map { "@\($0)\n" }.joined().utf8).write(to: input)
    defer { try? FileManager.default.removeItem(at: input) }
    process.arguments = ["--file=\(input.path)", "+%z"]
    process.environment = ["TZ": zone]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try #require(try output.fileHandleForReading.readToEnd())
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
    try #require(lines.count == instants.count)
    var differences: [String] = []
    for (instant, line) in zip(instants, lines) {
      let seconds = table.seconds(at: WallTime(milliseconds: instant * 1000))
      let number = try #require(Int(line))
      let expected = (number / 100 * 60 + number % 100) * 60
      if seconds != expected { differences.append("@\(instant): \(seconds) instead of \(expected)") }
    }
    #expect(differences.prefix(5) == [])
  }
}
