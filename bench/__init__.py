"""The measurements that the README quotes, as ratios against an alternative in the same run."""
