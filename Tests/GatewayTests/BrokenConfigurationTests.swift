import Foundation
import Gateway
import Testing

/// Each `NN-name.toml` has a `NN-name.expected`: two lines a problem, its key and what is printed. With
/// `MIMAMORI_WRITE_EXPECTED` naming a folder, what is printed is written there, to be read and compared by a person.
@Suite struct `A broken configuration` {
  @Test func `is told in at least twenty ways, ten of them with several problems`() throws {
    #expect(ConfigurationSamples.broken.count >= 20)
    let several = try ConfigurationSamples.broken.count { name in
      try ConfigurationSamples.brokenFile(Self.expectedName(name)).split(separator: "\n").count >= 4
    }
    #expect(several >= 10)
  }

  @Test(arguments: ConfigurationSamples.broken)
  func `is refused with every problem, its place, its key and what to do`(name: String) throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.brokenFile(name), file: name)
    let actual = check.problems.map { "key: \($0.key)\n\($0.text(file: name))\n" }.joined()
    if let folder = ProcessInfo.processInfo.environment["MIMAMORI_WRITE_EXPECTED"] {
      try actual.write(toFile: "\(folder)/\(Self.expectedName(name))", atomically: true, encoding: .utf8)
      Issue.record("Wrote \(Self.expectedName(name)): read it, then run again without MIMAMORI_WRITE_EXPECTED")
    }
    #expect(actual == (try ConfigurationSamples.brokenFile(Self.expectedName(name))))
    #expect(check.configuration == nil)
    #expect(check.problems.contains { $0.severity == .error })
    #expect(check.problems.map(\.position) == check.problems.map(\.position).sorted())
    #expect(CheckReport(check).text == check.problemText)
  }

  @Test(arguments: ConfigurationSamples.broken)
  func `has its problems where the text has something`(name: String) throws {
    let text = try ConfigurationSamples.brokenFile(name)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for problem in ConfigurationSamples.check(text).problems {
      try #require(lines.indices.contains(problem.position.line - 1))
      let line = Array(lines[problem.position.line - 1].unicodeScalars)
      try #require(line.indices.contains(problem.position.column - 1))
      #expect(line[problem.position.column - 1] != " ")
      #expect(!problem.message.isEmpty && !problem.advice.isEmpty)
    }
  }

  private static func expectedName(_ name: String) -> String {
    name.replacing(".toml", with: ".expected")
  }
}
