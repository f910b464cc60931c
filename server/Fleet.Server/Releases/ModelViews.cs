using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Server.Builds;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>Models as operators see them.</summary>
internal static class ModelViews
{
    /// <summary>Every model that was ever built or came in a bundle, with where its releases came from.</summary>
    public static async Task<IReadOnlyList<ModelView>> ModelViewsAsync(this IFleetStore store, CancellationToken cancellationToken)
    {
        var builds = await store.AllAsync<Build>("", cancellationToken).Select(stored => stored.Document).ToDictionaryAsync(
            build => build.Id, cancellationToken: cancellationToken);
        var releases = await store.AllAsync<Release>("", cancellationToken).Select(stored => stored.Document).ToLookupAsync(
            release => release.Model, cancellationToken: cancellationToken);
        var built = builds.Values.CountBy(build => build.Spec.Model).ToDictionary(StringComparer.Ordinal);
        return
        [
            .. built.Keys.Union(releases.Select(model => model.Key)).Order(StringComparer.Ordinal).Select(name => new ModelView
            {
                Name = name,
                LatestVersion = releases[name].Select(release => release.Version).DefaultIfEmpty().Max(),
                Versions = [.. releases[name].OrderByDescending(release => release.Version)
                    .Select(release => Of(release, builds.GetValueOrDefault(release.Build)?.Spec))],
                Builds = built.GetValueOrDefault(name),
            }),
        ];
    }

    private static ModelVersionView Of(Release release, BuildSpec? spec) => new(
        release.Version, release.Build, release.CreatedAt, release.ExpiresAt,
        // A release that came in a bundle was built elsewhere.
        spec is null ? "unknown" : spec.Teacher is { } teacher ? teacher.Onnx ?? $"{teacher.Family} of width {teacher.Width}" : "none",
        spec is null ? "unknown" : spec.Student is { } student ? $"{student.Family} of width {student.Width}" : spec.Source!.Onnx,
        [.. release.ReadManifest().Variants.Select(variant => variant.Id)]);
}
