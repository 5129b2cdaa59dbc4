import Gateway
import Observations
import Testing

@Suite struct `A TOML text` {
  @Test func `has a place for every key and value`() throws {
    let text = """
      a = 1
      "名前" = "値" # 日本
        [b.c]
        d = { e = 1.5, f.g = true }
      [[h]]
      [[h]]
      i = [1,
        "二"]
      """
    let root = try TOMLDocument.parse(Array(text.utf8))
    func place(_ table: TOMLTable, _ key: String) throws -> [Int] {
      let entry = try #require(table.entry(key))
      return [
        entry.keyPosition.line, entry.keyPosition.column, entry.value.position.line, entry.value.position.column,
      ]
    }
    func table(_ value: TOMLValue?) throws -> TOMLTable {
      guard case .table(let table) = value?.content else { throw TOMLTestError() }
      return table
    }
    #expect(root.entries.map(\.key) == ["a", "名前", "b", "h"])
    #expect(try place(root, "a") == [1, 1, 1, 5])
    #expect(try place(root, "名前") == [2, 1, 2, 8])
    let c = try table(table(root["b"])["c"])
    #expect(c.position == TextPosition(line: 3, column: 3))
    let d = try table(c["d"])
    #expect(try place(d, "e") == [4, 9, 4, 13])
    #expect(try place(table(d["f"]), "g") == [4, 20, 4, 24])
    guard case .array(let tables) = root["h"]?.content else { throw TOMLTestError() }
    #expect(tables.map(\.position.line) == [5, 6])
    guard case .array(let values) = try table(tables[1])["i"]?.content else { throw TOMLTestError() }
    #expect(values.map(\.position) == [TextPosition(line: 7, column: 6), TextPosition(line: 8, column: 3)])
    #expect(values.map(\.content) == [.integer(1), .string("二")])
  }

  private struct TOMLTestError: Error {}

  @Test func `with a mistake is refused at the mistake`() {
    let error = #expect(throws: TOMLSyntaxError.self) { try TOMLDocument.parse(Array("a = 1\nb = = 2\n".utf8)) }
    #expect(error?.position.line == 2)
    #expect(error?.message.contains("\n") == false)
  }

  @Test(arguments: [[0x61, 0x20, 0x3D, 0x20, 0x22, 0xFF, 0x22], [0x61, 0x3D, 0x22, 0xE3, 0x81]] as [[UInt8]])
  func `that is not UTF-8 is refused`(bytes: [UInt8]) {
    #expect(throws: TOMLSyntaxError.self) { try TOMLDocument.parse(bytes) }
  }

  @Test(arguments: ["§", "あ", "、", "é", "川"])
  func `may begin a continued line with any letter`(letter: String) throws {
    let root = try TOMLDocument.parse(Array("a = \"\"\"\\\n  \(letter)\"\"\"\n".utf8))
    #expect(root["a"]?.content == .string(letter))
  }

  @Test func `that is empty is an empty table`() throws {
    #expect(try TOMLDocument.parse([]).entries == [])
  }

  @Test(arguments: [
    ("250ms", 250), ("10s", 10_000), ("0s", 0), ("10m", 600_000), ("24h", 86_400_000), ("007s", 7000),
  ])
  func `can hold a length of time`(text: String, milliseconds: Int64) throws {
    #expect(TimeSpan(configured: text) == .milliseconds(milliseconds))
  }

  @Test(arguments: ["", "s", "10", "10 s", "-1s", "1.5s", "1d", "10S", "１０s", "9999999999999s", "999999999999h"])
  func `refuses what is no length of time`(text: String) {
    #expect(TimeSpan(configured: text) == nil)
  }

  @Test(arguments: ["1500ms", "90s", "10m", "24h", "0s", "61m"])
  func `writes a length of time as it was`(text: String) throws {
    #expect(try #require(TimeSpan(configured: text)).configured == text)
  }
}
