import Gateway
import Testing

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

@Suite struct `A damaged configuration` {
  private static let values = [
    "0", "-1", "9223372036854775807", "1e300", "nan", "-inf", "\"\"", "\"x\"", "true", "[]", "{}", "[[1]]",
    "2026-11-21T00:00:00Z", "\"999999999999h\"", "[1, \"a\"]", "{ a = 1 }", "\"\\u0000\"",
  ]

  /// One damage: a byte, a cut, a doubled or removed line, or a value of another kind.
  private static func damage(_ text: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = text
    let index = Int.random(in: 0..<bytes.count, using: &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
    case 1: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...40, using: &generator)))
    default:
      var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
      let line = Int.random(in: 0..<lines.count, using: &generator)
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: lines.remove(at: line)
      case 1: lines.insert(lines[line], at: Int.random(in: 0...lines.count, using: &generator))
      default:
        guard let sign = lines[line].firstIndex(of: UInt8(ascii: "=")) else { break }
        lines[line] = lines[line][...sign] + Array(Self.values.randomElement(using: &generator)?.utf8 ?? "".utf8)
      }
      bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }
    return bytes
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `never stops the reader, and is never accepted with an error`(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    let example = try ConfigurationSamples.example()
    var refused = 0
    for _ in 0..<50 {
      var text = example
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !text.isEmpty {
        text = Self.damage(text, &generator)
      }
      let check = ConfigurationSamples.check(text)
      let hasError = check.problems.contains { $0.severity == .error }
      #expect((check.configuration == nil) == hasError)
      #expect(check.problems.allSatisfy { !$0.text(file: "f").contains("\n") })
      _ = CheckReport(check).json
      refused += hasError ? 1 : 0
    }
    #expect(refused > 10, "Damage that is never noticed tests nothing")
  }

  @Test(arguments: [
    String(repeating: "a.", count: 100_000) + "a = 1", "[" + String(repeating: "a.", count: 70) + "a]",
    "a = " + String(repeating: "[", count: 100_000), String(repeating: "[[a]]\n", count: 30_000),
    String(repeating: "a = {b = [\n", count: 5000), String(repeating: "x", count: 300_000), "\u{0}", "\u{FEFF}",
    "a = \"\u{1F600}", "= 1", "a = 0x", "[a]\n[a]", "a = 99999999999999999999",
    "[&", "é = 1", "[あ]", "[a.、]", "\u{3042}", "a = 1 \u{3000}",
  ])
  func `of any shape ends with a message`(text: String) {
    let check = ConfigurationSamples.check(text)
    #expect(check.configuration == nil)
    #expect(!check.problems.isEmpty)
    #expect(check.problems.count <= ProblemList.most + 1)
  }

  @Test func `lists no more problems than a person reads`() {
    let keys = (0..<2000).map { "key\($0) = 1\n" }.joined()
    let problems = ConfigurationSamples.check(keys).problems
    #expect(problems.count == ProblemList.most + 1)
    #expect(problems.last?.message == "1503 more problems are not listed")
  }
}
