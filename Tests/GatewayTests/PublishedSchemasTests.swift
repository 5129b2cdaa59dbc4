import Foundation
import Gateway
import Testing

@Suite struct `The published schemas` {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "docs/schemas")

  @Test func `are all in the program, as they stand in the documents`() throws {
    let suffix = ".schema.json"
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(suffix) }
    #expect(files.map { String($0.dropLast(suffix.count)) }.sorted() == PublishedSchemas.names)
    for name in PublishedSchemas.names {
      let text = try #require(PublishedSchemas.text(named: name))
      #expect(try String(contentsOf: Self.folder.appending(path: name + suffix), encoding: .utf8) == text)
      #expect(text.hasSuffix("}\n"))
      #expect(text.contains("\"$id\": \"urn:mimamori:schema:\(name)/1\""))
    }
  }

  @Test(arguments: [("helth", "health"), ("alerts", "alert"), ("watchlist-manifes", "watchlist-manifest")])
  func `know which name was probably meant`(wrong: String, meant: String) {
    #expect(PublishedSchemas.text(named: wrong) == nil)
    #expect(PublishedSchemas.nearestName(to: wrong) == meant)
  }
}
