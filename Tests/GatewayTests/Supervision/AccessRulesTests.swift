import Gateway
import Testing

struct AccessRulesTests {
  private func rules(_ text: String) throws -> [String] {
    let configuration = try #require(ConfigurationSamples.check(text).configuration)
    return AccessRules.text(for: configuration).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
  }

  @Test func `allows what the contract gives a gateway, and nothing else`() throws {
    #expect(
      try rules(ConfigurationSamples.small()) == [
        "user board-1", "topic write mimamori/282103/board-1/#", "topic write mimamori-watch/282103/+/board-1",
        "topic write mimamori-watch/282103/+/board-1/head", "topic read mimamori/282103/board-1/command",
        "topic write mimamori/282103/reply/#",
      ])
  }

  @Test func `allows the topics of an IoT Agent without its key`() throws {
    let lines = try rules(
      ConfigurationSamples.small("[fiware]\napi_key_file = \"key\"\n\n" + ConfigurationSamples.river))
    #expect(lines.contains("topic write /json/+/board-1_river-1/attrs"))
  }

  @Test func `names the account that the gateway logs in with`() throws {
    let lines = try rules(ConfigurationSamples.small(mqtt: "username = \"pole-7\""))
    #expect(lines.first == "user pole-7")
  }

  @Test func `gives each account at both brokers its rules`() throws {
    let fallback = """
      [mqtt.fallback]
      host = "127.0.0.1"
      port = 1884
      username = "pole-7-there"
      """
    let lines = try rules(ConfigurationSamples.small(mqtt: "username = \"pole-7\"", fallback))
    let second = try #require(lines.firstIndex(of: "user pole-7-there"))
    #expect(lines.first == "user pole-7")
    #expect(Array(lines[1..<second]) == Array(lines[(second + 1)...]))
  }

  @Test func `names the shared key's identity, by which the broker knows the gateway`() throws {
    let settings = """
      [mqtt.tls]
      psk_identity = "board-1-psk"
      psk_file = "psk"
      """
    #expect(try rules(ConfigurationSamples.small(mqtt: settings)).first == "user board-1-psk")
  }
}
