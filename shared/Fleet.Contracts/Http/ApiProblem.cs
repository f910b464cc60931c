namespace Fleet.Contracts.Http;

/// <summary>An RFC 9457 problem: what every refused request answers with.</summary>
/// <param name="Title">One sentence.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="Problems">Every rule that was broken, a sentence each.</param>
public sealed record ApiProblem(string Title, int Status, IReadOnlyList<string> Problems);
