using Fleet.Cli.Commands;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Tests.Commands;

public sealed class RollbackGoalTests
{
    private static readonly RolloutPlan One = new() { Model = "eye", Version = 2, Waves = [] };
    private static readonly RolloutPlan Two = new() { Releases = [new("eye", 2), new("ear", 3)], Waves = [] };

    [Fact]
    public void Number_alone_is_of_the_one_model_of_a_rollout_and_of_several_it_says_nothing()
    {
        Assert.Equal(new PlannedRelease("eye", 1), Waves.ParseGoal("1", Assert.Fail).Of(One));
        Assert.Null(Waves.ParseGoal("1", Assert.Fail).Of(Two));
        Assert.Equal(new PlannedRelease("ear", 1), Waves.ParseGoal("ear=1", Assert.Fail).Of(Two));
    }
}
