import Foundation
import Gateway
import Testing

/// The program as it was built beside these tests.
private enum Program {
  static let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appending(path: "mimamori-gateway").path()
  static let isThere =
    ProcessInfo.processInfo.environment["CI"] == "true" || FileManager.default.isExecutableFile(atPath: path)

  struct Result {
    var status: Int32
    var output: String
    var errors: String
  }

  static func run(_ arguments: [String]) throws -> Result {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = ["sign"] + arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Either holds a few lines, less than a pipe does.
    let texts = try [output, errors].map {
      String(decoding: try $0.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }
    process.waitUntilExit()
    return Result(status: process.terminationStatus, output: texts[0], errors: texts[1])
  }
}

@Suite(.enabled(if: Program.isThere, "mimamori-gateway was not built beside the tests"))
final class `The command sign` {
  private let folder: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: folder)
  }

  static let clearTag = "e2c56db5dffb48d2b060d0f5a71096e003e90007"

  private func watchListArguments(revision: String = "1", validUntil: String = "2099-03-31T23:59:59+09:00") -> [String]
  {
    [
      "watchlist", "--key", "\(folder)/city.key", "--kid", "city", "--tag-key", "\(folder)/tag-key", "--tag-kid",
      "2026-11", "--root", "mimamori/282103", "--group", "east", "--revision", revision, "--valid-until", validUntil,
      "--input", "\(folder)/persons.json", "--output", "\(folder)/watchlist.jws",
    ]
  }

  private func makeKeys() throws {
    #expect(try Program.run(["keypair", "--kid", "city", "--output", folder]).status == 0)
    #expect(try Program.run(["tagkey", "--output", "\(folder)/tag-key"]).status == 0)
    let subject = try Program.run(["subject"]).output.trimmingCharacters(in: .newlines)
    #expect(subject.utf8.count == 24)
    #expect(try bytes(subject).count == 12)
    let persons =
      #"{"persons":[{"subject":"\#(subject)","person":"child","tags":[{"format":"ibeacon","id":"\#(Self.clearTag)"}],"#
      + #""at":[{"gateway":"kakogawa-042","place":"school-7-gate"}]}]}"#
    try Data(persons.utf8).write(to: URL(filePath: "\(folder)/persons.json"))
  }

  @Test func `goes from keys to a list that verifies`() throws {
    try makeKeys()
    for (file, mode) in [("city.key", 0o600), ("city.pub", 0o644), ("tag-key", 0o600)] {
      let found = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(file)")[.posixPermissions] as? Int
      #expect(found == mode, "\(file)")
    }
    let signed = try Program.run(watchListArguments())
    #expect(signed.status == 0, "\(signed.errors)")
    #expect(signed.errors == "")
    let list = try String(contentsOfFile: "\(folder)/watchlist.jws", encoding: .utf8)
    #expect(!list.contains(Self.clearTag))
    let verified = try Program.run(["verify", "--public-key", "\(folder)/city.pub", "\(folder)/watchlist.jws"])
    #expect(verified.status == 0, "\(verified.errors)")
    #expect(verified.output.contains("tags:        1 of 1 persons at 1 gateways"))
    try Data(list.replacing("\"child\"", with: "\"elder\"").utf8).write(to: URL(filePath: "\(folder)/changed.jws"))
    let changed = try Program.run(["verify", "--public-key", "\(folder)/city.pub", "\(folder)/changed.jws"])
    #expect(changed.status == 1)
    #expect(changed.output == "")
    #expect(changed.errors.contains("part 1 is not the one that was signed"))
  }

  @Test func `warns of a secret that everybody can read`() throws {
    try makeKeys()
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(folder)/tag-key")
    let signed = try Program.run(watchListArguments())
    #expect(signed.status == 0)
    #expect(signed.errors.hasPrefix("warning: \(folder)/tag-key is open to every user"))
  }

  @Test func `replaces nothing without --force`() throws {
    try makeKeys()
    let key = try Data(contentsOf: URL(filePath: "\(folder)/city.key"))
    #expect(try Program.run(["keypair", "--kid", "city", "--output", folder]).status == 73)
    #expect(try Program.run(["tagkey", "--output", "\(folder)/tag-key"]).status == 73)
    #expect(try Program.run(watchListArguments()).status == 0)
    #expect(try Program.run(watchListArguments()).status == 73)
    try FileManager.default.removeItem(atPath: "\(folder)/city.key")
    #expect(try Program.run(["keypair", "--kid", "city", "--output", folder]).status == 73)
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/city.key"), "Half a pair was written")
    #expect(try Program.run(["keypair", "--kid", "city", "--output", folder, "--force"]).status == 0)
    #expect(try Data(contentsOf: URL(filePath: "\(folder)/city.key")) != key)
  }

  @Test func `ends with the status that tells why`() throws {
    try makeKeys()
    #expect(try Program.run(["watchlist"]).status == 64)
    #expect(try Program.run(watchListArguments(revision: "0")).status == 64)
    #expect(try Program.run(watchListArguments(validUntil: "tomorrow")).status == 64)
    #expect(try Program.run(["keypair", "--kid", "a b", "--output", folder]).status == 64)
    #expect(try Program.run(watchListArguments(validUntil: "2020-01-01T00:00:00Z")).status == 65)
    #expect(try Program.run(["tagkey", "--output", "\(folder)/none/key"]).status == 73)
    #expect(try Program.run(["verify", "--public-key", "\(folder)/none", "\(folder)/x"]).status == 66)
    #expect(try Program.run(["verify", "--public-key", "\(folder)/city.pub", "\(folder)/persons.json"]).status == 65)
    try Data("{}".utf8).write(to: URL(filePath: "\(folder)/persons.json"))
    let bad = try Program.run(watchListArguments())
    #expect(bad.status == 65)
    #expect(bad.errors == "Failed to read the persons: persons is missing: correct the input\n")
    try FileManager.default.removeItem(atPath: "\(folder)/persons.json")
    #expect(try Program.run(watchListArguments()).status == 66)
  }
}
